"""The transform `torchvision`: a bridge to those of torchvision.transforms.v2."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from segkit.errors import ConfigError, DataError, cause_of, join_first, suggest
from segkit.registries import TRANSFORMS
from segkit.types import PixelFormat, Sample, Target
from segkit.types.pixels import pixels_of

if TYPE_CHECKING:
    from torchvision.transforms.v2 import Transform

_WITHOUT_USE = {
    "transforms": "it takes other transforms. List those in the config instead",
    "lambd": "it takes a function. Register a transform of your own",
    "labels_getter": "it takes boxes, or batches with a label for each image. Remove it",
    "transformation_matrix": "it takes a tensor. Register a transform of your own",
}
"""Parameter that no config can give -> why its transform is refused."""


_TRIED = 64
"""Height and width of the image that a new transform is tried on."""


@TRANSFORMS.register("torchvision")
class TorchvisionTransform:
    """Applies a transform of torchvision.transforms.v2 to an image and its target together.

    Masks move with the image, by nearest neighbor. New pixels at the border are void. `RandomErasing` erases in the
    image alone: the target keeps what it hides. Transforms that change the type of the image, such as `Normalize`, are
    refused, and so are those that need boxes or batches.

    Args:
        name: Its class, such as `RandomRotation`.
        options: Its arguments by name. `interpolation` is a word, such as `bilinear`. `fill` is for images alone.

    Raises:
        ConfigError: torchvision is missing, has no such transform, or refuses the options, or the transform cannot
            be applied to images with targets.

    Example:
        >>> import torch
        >>> from segkit.types import Sample
        >>> sample = Sample(torch.zeros(3, 40, 60, dtype=torch.uint8), None, "a.png", 0)
        >>> TorchvisionTransform(name="RandomRotation", options={"degrees": [90, 90], "expand": True})(sample).size
        (60, 40)
    """

    def __init__(self, *, name: str, options: dict[str, Any] | None = None) -> None:
        self.name = name
        self._transform = _build(name, options or {})
        _refuse_without_use(self)

    def require_pixels(self, pixels: PixelFormat, training: bool) -> None:
        """Raises ConfigError where torchvision's transform cannot be applied to such images."""
        problem = _problem(self, pixels, training)
        if problem:
            raise ConfigError(problem)

    def __call__(self, sample: Sample) -> Sample:
        from torchvision import tv_tensors

        inputs = [tv_tensors.Image(sample.image)]
        if sample.target is not None:
            inputs.append(tv_tensors.Mask(_maps_of(sample.target)))
        try:
            changed = self._transform(*inputs)
        except (TypeError, ValueError, RuntimeError, NotImplementedError, AttributeError) as error:
            raise DataError(
                f"{sample.file}: transform 'torchvision': {self.name} cannot be applied to this image and its target "
                f"({cause_of(error).rstrip('.')}). Remove this transform, or change its options."
            ) from error
        image, maps = changed if isinstance(changed, tuple) and len(changed) == len(inputs) == 2 else (changed, None)
        pixels = pixels_of(sample.image)
        if not isinstance(image, Tensor) or image.ndim != 3 or not pixels.fits(image):
            what = "one uint8 RGB image" if pixels.is_rgb else f"one image of {pixels}"
            raise DataError(
                f"{sample.file}: transform 'torchvision': {self.name} does not return {what}, as models take it. They "
                "normalize images themselves. Remove this transform, or change its options."
            )
        image = image.as_subclass(Tensor)
        if sample.target is None or maps is None:
            return replace(sample, image=image)
        return replace(sample, image=image, target=_target_of(maps.as_subclass(Tensor), sample.target))


def _build(name: str, options: dict[str, Any]) -> Transform:
    try:
        from torchvision.transforms import InterpolationMode, v2
    except (ImportError, RuntimeError) as error:  # of a torchvision that was built for another torch, too
        raise ConfigError(
            f"transform 'torchvision': torchvision cannot be imported ({cause_of(error)}). Install the version that "
            "belongs to your torch: pip install torchvision."
        ) from error
    classes = {key: value for key, value in vars(v2).items() if inspect.isclass(value)}
    known = {key: value for key, value in classes.items() if issubclass(value, v2.Transform) and value != v2.Transform}
    if name not in known:
        raise ConfigError(
            f"transform 'torchvision': torchvision.transforms.v2 has no transform '{name}'.{suggest(name, known)}"
        )
    parameters = [key for key in inspect.signature(known[name]).parameters if key != "inplace"]
    for parameter, reason in _WITHOUT_USE.items():
        if parameter in parameters:
            raise ConfigError(f"transform 'torchvision': {name} cannot be used from a config: {reason}.")
    unknown = [key for key in options if key not in parameters]
    if unknown:
        lines = (f"{name} takes no '{key}'.{suggest(key, parameters)}" for key in unknown)
        taken = join_first(parameters, len(parameters)) or "no options"
        raise ConfigError(f"transform 'torchvision': options: {' '.join(lines)} It takes: {taken}")
    try:
        if isinstance(options.get("interpolation"), str):
            options = {**options, "interpolation": InterpolationMode(options["interpolation"])}
        if "fill" in options:
            options = {**options, "fill": _only_images(options["fill"])}
        return known[name](**options)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ConfigError(f"transform 'torchvision': options: {name}: {cause_of(error)}") from error


def _refuse_without_use(transform: TorchvisionTransform) -> None:
    """Tries a transform on a small RGB and a small gray image with a target.

    Raises:
        ConfigError: It can be applied to neither.
    """
    problems = [_problem(transform, PixelFormat(channels), training=True) for channels in (1, 3)]
    if all(problems):
        raise ConfigError(problems[-1])


def _problem(transform: TorchvisionTransform, pixels: PixelFormat, training: bool) -> str:
    """Returns why a transform cannot be applied to small images of a format; an empty string where it can.

    Errors that may come from the size of the image are none.
    """
    target = Target(torch.tensor([0]), segment_map=torch.zeros(_TRIED, _TRIED, dtype=torch.uint8))
    image = torch.zeros(pixels.channels, _TRIED, _TRIED, dtype=pixels.dtype)
    try:
        with torch.random.fork_rng(devices=[]):
            transform(Sample(image, target if training else None, "sample", 0))
    except DataError as error:
        cause = error.__cause__
        of_size = isinstance(cause, ValueError | RuntimeError) and not isinstance(cause, NotImplementedError)
        return "" if of_size else str(error).removeprefix("sample: ")
    return ""


def _only_images(fill: object) -> dict[type | str, object]:
    """Returns a fill value of images, which leaves 0 to masks."""
    from torchvision import tv_tensors

    return {tv_tensors.Image: fill, "others": 0}


def _maps_of(target: Target) -> Tensor:
    """Returns (1+S,H,W) int32: where the target is valid, then its segment map plus one or its masks.

    Torchvision fills new pixels with 0. So they are not valid and belong to no segment.
    """
    valid = torch.ones(target.size, dtype=torch.bool) if target.valid is None else target.valid
    if target.segment_map is not None:
        segments = target.segment_map.to(torch.int32)[None] + 1
    else:
        segments = target.masks.to(torch.int32)
    return torch.cat([valid.to(torch.int32)[None], segments])


def _target_of(maps: Tensor, before: Target) -> Target:
    """Returns the target of what became of `_maps_of`."""
    if maps.shape[-2:] == before.size and torch.equal(maps, _maps_of(before)):
        return before  # the image alone has changed
    valid = maps[0].bool()
    moved = replace(before, areas=None, valid=None if before.valid is None and bool(valid.all()) else valid)
    if before.segment_map is not None:
        return replace(moved, segment_map=(maps[1] - 1).to(before.segment_map.dtype))
    return replace(moved, overlapping_masks=maps[1:].bool())
