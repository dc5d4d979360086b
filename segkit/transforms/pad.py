"""The transform `pad`."""

from dataclasses import replace
from typing import Annotated

import torch
from torch import Tensor

from segkit.errors import ConfigError, DataError, counted
from segkit.ops.targets import pad_target
from segkit.registries import TRANSFORMS
from segkit.registries.signature import Bounds, Positive
from segkit.types import RGB, PixelFormat, Sample
from segkit.types.pixels import pixels_of

IMAGENET = [124, 116, 104]

Value = Annotated[int, Bounds(least=0, most=65535)]


@TRANSFORMS.register("pad")
class Pad:
    """Pads the image at the bottom and right to a fixed size.

    Larger images keep their size. In evaluation and prediction, the new pixels are padding: results do not have them.

    Args:
        size: (height, width) in pixels.
        fill: The value of each channel of the new pixels, such as RGB. The default is ImageNet's mean, which
            normalization turns into zero; images of other channels or 16 bits have none. The target is void there.

    Example:
        >>> import torch
        >>> from segkit.types import Sample
        >>> sample = Sample(torch.zeros(3, 40, 60, dtype=torch.uint8), None, "a.png", 0)
        >>> Pad(size=(50, 50))(sample).size
        (50, 60)
    """

    def __init__(self, *, size: tuple[Positive, Positive], fill: list[Value] | None = None) -> None:
        self.size = size
        self.fill = fill

    def require_pixels(self, pixels: PixelFormat, training: bool) -> None:
        """Raises ConfigError where `fill` has no number for each channel of such images."""
        fill = IMAGENET if self.fill is None and pixels.is_rgb else self.fill
        problem = _problem(fill, pixels) if training or fill is not None else ""
        if problem:
            raise ConfigError(problem)

    def __call__(self, sample: Sample) -> Sample:
        height, width = sample.size
        size = (max(self.size[0], height), max(self.size[1], width))
        if size == sample.size:
            return sample
        image = self._fill_of(sample)[:, None, None].repeat(1, *size)  # (C, H, W)
        image[:, :height, :width] = sample.image
        if sample.target is None:  # an evaluation: the result is to have the size before
            return replace(sample, image=image, content=sample.content or sample.size)
        return replace(sample, image=image, target=pad_target(sample.target, size))

    def _fill_of(self, sample: Sample) -> Tensor:
        """Returns the value (C,) of the new pixels of a sample."""
        image, fill = sample.image, self.fill
        if fill is None and RGB.fits(image):
            fill = IMAGENET
        if fill is None and sample.target is None:
            return image.new_zeros(len(image))  # an evaluation, in which models set padding to the mean
        problem = _problem(fill, pixels_of(image))
        if problem:
            raise DataError(f"{sample.file}: {problem}")
        return torch.tensor(fill, dtype=image.dtype)


def _problem(fill: list[int] | None, pixels: PixelFormat) -> str:
    """Returns why images cannot be padded with `fill`; an empty string where they can."""
    largest = torch.iinfo(pixels.dtype).max
    if fill is not None and len(fill) == pixels.channels and max(fill) <= largest:
        return ""
    return (
        f"transform 'pad': fill: give {counted(pixels.channels, 'number')} in 0..{largest}, one per channel, such as "
        f"the rounded model.pixel_mean, not {fill}."
    )
