"""The transform `photometric_distortion`, as in SSD's training (arXiv 1512.02325)."""

from dataclasses import replace
from typing import Annotated

import torch
from torch import Tensor

from segkit.errors import ConfigError, DataError
from segkit.registries import TRANSFORMS
from segkit.registries.signature import Bounds
from segkit.transforms._ranges import require_order
from segkit.types import RGB, PixelFormat, Sample
from segkit.types.pixels import pixels_of

Factor = Annotated[float, Bounds(least=0, most=100)]


@TRANSFORMS.register("photometric_distortion")
class PhotometricDistortion:
    """Changes brightness, contrast, saturation and hue at random.

    Each of the four changes is made with a probability of one half. Contrast is changed either before or after
    saturation and hue, at random. Images must be RGB of 8 bits.

    Args:
        brightness: Largest value, of 255, that is added or subtracted.
        contrast: (lowest, highest) factor of all values.
        saturation: (lowest, highest) factor of the saturation.
        hue: Largest rotation of the hue in degrees, in either direction.

    Raises:
        ConfigError: a lowest factor is more than the highest.

    Example:
        >>> import torch
        >>> from segkit.types import Sample
        >>> sample = Sample(torch.full((3, 40, 60), 128, dtype=torch.uint8), None, "a.png", 0)
        >>> changed = PhotometricDistortion(brightness=10, contrast=(1, 1), saturation=(1, 1), hue=0)(sample)
        >>> bool((changed.image.int() - sample.image.int()).abs().max() <= 10)
        True
    """

    def __init__(
        self,
        *,
        brightness: Annotated[float, Bounds(least=0, most=255)] = 32.0,
        contrast: tuple[Factor, Factor] = (0.5, 1.5),
        saturation: tuple[Factor, Factor] = (0.5, 1.5),
        hue: Annotated[float, Bounds(least=0, most=180)] = 18.0,
    ) -> None:
        for name, factors in (("contrast", contrast), ("saturation", saturation)):
            require_order("photometric_distortion", (name, "the highest factor"), *factors)
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.hue = hue

    def require_pixels(self, pixels: PixelFormat, training: bool) -> None:
        """Raises ConfigError unless images are RGB of 8 bits."""
        if not pixels.is_rgb:
            raise ConfigError(_refusal(pixels))

    def __call__(self, sample: Sample) -> Sample:
        from torchvision.transforms.v2 import functional as F  # slow to import, and not needed to check a config

        if not RGB.fits(sample.image):
            raise DataError(f"{sample.file}: {_refusal(pixels_of(sample.image))}")
        image = sample.image.float() / 255  # (3, H, W) in [0, 1]
        if _coin():
            image = (image + _between(-self.brightness, self.brightness) / 255).clamp(0, 1)
        contrast_first = _coin()
        if contrast_first:
            image = self._change_contrast(image)
        if _coin():
            image = F.adjust_saturation(image, _between(*self.saturation))
        if _coin():
            image = F.adjust_hue(
                image, _between(-self.hue, self.hue) / 360
            )  # torchvision takes fractions of the circle
        if not contrast_first:
            image = self._change_contrast(image)
        return replace(sample, image=(image * 255).round().to(torch.uint8))

    def _change_contrast(self, image: Tensor) -> Tensor:
        return (image * _between(*self.contrast)).clamp(0, 1) if _coin() else image


def _refusal(pixels: PixelFormat) -> str:
    return (
        "transform 'photometric_distortion': saturation and hue are those of RGB of 8 bits, not of "
        f"{pixels}. Remove this transform."
    )


def _coin() -> bool:
    """Returns True with a probability of one half."""
    return torch.rand(()).item() < 0.5


def _between(low: float, high: float) -> float:
    """Draws a number between `low` and `high`."""
    return low + (high - low) * torch.rand(()).item()
