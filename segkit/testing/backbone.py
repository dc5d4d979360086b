"""The contract of a backbone.

* It publishes `features`: finest first, each stride once.
* If it publishes `pixel_mean` or `pixel_std`, it publishes both, each with a number per channel.
* If it publishes `frozen_part`, that is a module inside it, which it calls and which returns a list of maps.
* If it publishes `parameter_layers`, these name every parameter once.
* It takes images of three channels, or of another number that it is checked for.
* For images whose sides are multiples of the coarsest stride, it returns the maps that `features` describes: images
  wider than high, higher than wide, of a single coarsest cell, of an odd number of cells.
* Gradients reach the image and every parameter, and all else that `segkit.testing._modules` lists.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn

from segkit.errors import with_article
from segkit.registries import Backbone
from segkit.testing._common import named, seeded, trying
from segkit.testing._layers import check_layers
from segkit.testing._maps import CELLS, check_maps, published_features
from segkit.testing._modules import Outputs, Trial, as_module, check_module, warn_unless_compilable


@seeded()
def check_backbone(backbone: Backbone, channels: int = 3) -> None:
    """Checks a built backbone.

    Args:
        backbone: The built backbone.
        channels: Of the images that it was built for.

    Raises:
        AssertionError: it breaks the contract; the message says how and what to do.

    Example:
        >>> from segkit.backbones.timm import TimmBackbone
        >>> check_backbone(TimmBackbone(name="resnet10t"))
    """
    module = as_module("backbone", backbone)
    who = named("backbone", backbone)
    features = published_features(who, "features", getattr(backbone, "features", None))
    _check_pixel_values(who, backbone, channels)
    _check_frozen_part(who, module)
    check_layers(who, module, whole=True)
    coarsest = features[-1].stride
    module.eval()
    for rows, columns in CELLS:
        size = (rows * coarsest, columns * coarsest)
        with trying(who, f"on images of {size[0]}x{size[1]}"), torch.no_grad():
            maps = backbone(torch.randn(2, channels, *size))
        check_maps(who, "map", maps, features, size)
    image = torch.randn(2, channels, 2 * coarsest, 3 * coarsest)
    _check_encoded(who, module, image)
    trial = Trial(who, module, {"image": image}, _run, reached={"image": ["image"]})
    check_module(trial, _other(module))
    warn_unless_compilable(trial)


def _check_pixel_values(who: str, backbone: object, channels: int) -> None:
    found = {name: getattr(backbone, name, None) for name in ("pixel_mean", "pixel_std")}
    for name, value in found.items():
        numbers = (
            isinstance(value, tuple | list)
            and len(value) == channels
            and all(isinstance(one, int | float) for one in value)
        )
        assert numbers or list(found.values()) == [None, None], (
            f"{who} publishes {name} = {value!r}. Publish both pixel_mean and pixel_std, each as one number per "
            "channel, or neither."
        )


def _check_frozen_part(who: str, backbone: nn.Module) -> None:
    part = getattr(backbone, "frozen_part", backbone)
    assert any(module is part for module in backbone.modules()), (
        f"{who} publishes frozen_part = {part!r}, which is no module inside it. Publish the one that holds its encoder."
    )


def _check_encoded(who: str, backbone: nn.Module, images: Tensor) -> None:
    """Checks what the part that can be frozen returns, which a cache of features relies on."""
    part: nn.Module = getattr(backbone, "frozen_part", backbone)
    returned: list[object] = []
    handle = part.register_forward_hook(lambda module, inputs, maps: returned.append(maps))
    with torch.no_grad():
        backbone(images.clone())  # a part that changes its input is told later
    handle.remove()
    assert returned, f"{who} publishes a frozen_part that it does not call. Call it as a module, not its methods."
    for maps in returned:
        good = isinstance(maps, list | tuple) and all(
            isinstance(one, Tensor) and len(one) == len(images) for one in maps
        )
        assert good, (
            f"{who}: its frozen_part returns {with_article(type(maps).__name__)}. Return a list of maps with a row for "
            "each image."
        )


def _run(backbone: nn.Module, inputs: list[Tensor]) -> Outputs:
    return {f"values of map {index}": found for index, found in enumerate(backbone(inputs[0]))}


def _other(backbone: nn.Module) -> nn.Module:
    """Returns another instance with other weights and statistics."""
    # A copy, not a new instance: the caller gives a built backbone, which may have been slow to build.
    other = deepcopy(backbone)
    for tensor in other.state_dict().values():
        # From 0 to 1: a running variance must not be negative.
        tensor.copy_(torch.rand(tensor.shape))
    return other
