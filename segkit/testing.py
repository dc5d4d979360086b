"""Contract checks for parts: segkit's own tests and plugin authors' call the same ones.

Each takes a built part, or what builds one, and raises AssertionError saying in words what the part does wrong.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from segkit.types import Feature, Match, Prediction, Target

SIZES = ((64, 96), (96, 64))
"""(H, W) of the pictures parts are tried with: multiples of 32, higher than wide and wider than high."""


def check_backbone(backbone: Any) -> None:
    """Maps of the published channels and strides, finest first, for several sizes; gradients reach the picture."""
    features = backbone.features
    assert features, "a backbone publishes at least one feature in `features`"
    strides = [feature.stride for feature in features]
    assert strides == sorted(set(strides)), f"features must be finest first, of distinct strides, not {strides}"
    backbone.eval()
    for height, width in SIZES:
        images = torch.randn(2, 3, height, width, requires_grad=True)
        maps = backbone(images)
        _check_maps("backbone", maps, features, (height, width), batch=2)
        _check_gradient("backbone", maps[-1].sum(), images)
    _check_alone(lambda batch: backbone(batch)[-1], torch.randn(2, 3, *SIZES[0]), "backbone")


def check_pixel_decoder(make: Callable[[list[Feature]], Any]) -> None:
    """`make(features)` builds the part: mask features of the published width at the finest stride, and its memory."""
    features = [Feature(8, 4), Feature(16, 8), Feature(24, 16), Feature(40, 32)]
    decoder = make(features).eval()
    for size in SIZES:
        maps = [torch.randn(2, f.channels, size[0] // f.stride, size[1] // f.stride) for f in features]
        maps[0].requires_grad_()
        mask_features, memory = decoder(maps)
        _check_maps(
            "pixel decoder",
            [mask_features],
            [Feature(decoder.mask_dim, 4)],
            size,
            batch=2,
        )
        _check_maps("pixel decoder's memory", memory, decoder.memory, size, batch=2)
        _check_gradient("pixel decoder", mask_features.sum(), maps[0])


def check_transformer_decoder(make: Callable[[list[Feature], int, int], Any]) -> None:
    """`make(memory, mask_dim, num_classes)` builds the part: a well-formed Prediction, and gradients to its inputs."""
    decoder = make([Feature(24, 32)], 16, 5).eval()
    memory = torch.randn(2, 24, 3, 4, requires_grad=True)
    mask_features = torch.randn(2, 16, 12, 16, requires_grad=True)
    prediction = decoder([memory], mask_features)
    assert isinstance(prediction, Prediction), f"a transformer decoder gives a Prediction, not {type(prediction)}"
    for layer in prediction.layers:
        expected = (2, prediction.num_queries, 6)
        assert layer.class_logits.shape == expected, (
            f"class_logits must be (B,Q,K+1) = {expected}, not {tuple(layer.class_logits.shape)}"
        )
        assert layer.mask_logits.shape == (2, prediction.num_queries, 12, 16), (
            f"mask_logits must be (B,Q,h,w), not {tuple(layer.mask_logits.shape)}"
        )
        assert torch.isfinite(layer.mask_logits).all(), "mask_logits are not finite"
    total = prediction.class_logits.sum() + prediction.mask_logits.sum()
    _check_gradient("transformer decoder", total, memory)
    _check_gradient("transformer decoder", prediction.mask_logits.sum(), mask_features)


def check_matcher(matcher: Callable[[list[Prediction], list[Target]], list[list[Match]]]) -> None:
    """Per layer and image a pairing without repeats, also of a picture without segments."""
    generator = torch.Generator().manual_seed(0)
    layers = [
        Prediction(
            torch.randn(2, 6, 5, generator=generator),
            dense_mask_logits=torch.randn(2, 6, 8, 8, generator=generator),
        )
        for _ in range(2)
    ]
    map_of_three = torch.randint(0, 3, (32, 32), generator=generator, dtype=torch.int16)
    empty = Target(torch.zeros(0, dtype=torch.int64), torch.full((32, 32), -1, dtype=torch.int16))
    targets = [Target(torch.tensor([0, 3, 1]), map_of_three), empty]
    matches = matcher(layers, targets)
    assert len(matches) == 2, f"a matcher answers for every layer: 2, not {len(matches)}"
    for of_layer in matches:
        assert len(of_layer) == 2, f"a matcher answers for every image: 2, not {len(of_layer)}"
        for (query, index), target in zip(of_layer, targets, strict=True):
            assert len(query) == len(index) == len(target), "every segment gets a query, there being enough"
            assert len(set(query.tolist())) == len(query), f"a query is matched twice: {query.tolist()}"
            assert sorted(index.tolist()) == list(range(len(target))), f"segments are matched as {index.tolist()}"


def check_loss(loss: nn.Module) -> None:
    """The shape its `takes` promises, finite, with a gradient."""
    takes = getattr(loss, "takes", None)
    assert takes in ("classes", "masks", "prediction"), (
        f"a loss says what it takes by the class attribute `takes`: 'classes', 'masks' or 'prediction', not {takes!r}"
    )
    generator = torch.Generator().manual_seed(0)
    if takes == "classes":
        logits = torch.randn(2, 6, 4, generator=generator, requires_grad=True)
        value = loss(logits, torch.randint(0, 4, (2, 6), generator=generator))
        assert value.shape == (), f"a class loss gives a scalar, not {tuple(value.shape)}"
        _check_gradient("loss", value, logits)
    elif takes == "masks":
        logits = torch.randn(3, 50, generator=generator, requires_grad=True)
        truth = (torch.rand(3, 50, generator=generator) > 0.5).float()
        for valid in (None, torch.rand(3, 50, generator=generator) > 0.5, torch.zeros(3, 50, dtype=torch.bool)):
            value = loss(logits, truth, valid)
            assert value.shape == (3,), f"a mask loss gives one value per mask, (3,), not {tuple(value.shape)}"
            assert torch.isfinite(value).all(), "a mask loss must be finite, also where no pixel is valid"
        _check_gradient("loss", loss(logits, truth, None).sum(), logits)


def check_transform(transform: Callable[[Any], Any], sample: Any) -> None:
    """Picture and target keep one size, and a sample without target goes through."""
    changed = transform(sample)
    assert changed.target is None or changed.target.size == changed.size, (
        f"picture and target must keep one size, not {changed.size} and {changed.target.size}"
    )
    assert changed.picture.dtype == torch.uint8, f"a picture stays uint8, not {changed.picture.dtype}"


def _check_maps(
    what: str, maps: Sequence[Tensor], features: Sequence[Feature], size: tuple[int, int], batch: int
) -> None:
    assert len(maps) == len(features), f"the {what} publishes {len(features)} maps and gives {len(maps)}"
    for index, (found, feature) in enumerate(zip(maps, features, strict=True)):
        expected = (batch, feature.channels, size[0] // feature.stride, size[1] // feature.stride)
        assert tuple(found.shape) == expected, (
            f"the {what}'s map {index} has shape {tuple(found.shape)} where {feature} promises {expected}"
        )
        assert torch.isfinite(found).all(), f"the {what}'s map {index} is not finite"


def _check_gradient(what: str, value: Tensor, source: Tensor) -> None:
    (gradient,) = torch.autograd.grad(value, source, retain_graph=True, allow_unused=True)
    assert gradient is not None, f"no gradient flows through the {what}"
    assert bool(gradient.abs().sum() > 0), f"the gradient through the {what} is zero"


def _check_alone(function: Callable[[Tensor], Tensor], batch: Tensor, what: str) -> None:
    with torch.no_grad():
        together, alone = function(batch), function(batch[:1])
    assert torch.allclose(together[:1], alone, atol=1e-4, rtol=1e-4), (
        f"the {what} gives a picture another answer alone than in a batch"
    )
