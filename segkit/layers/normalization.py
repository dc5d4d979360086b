"""The input layer of every model: from pixels to normalized images."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError, DataError, counted
from segkit.types import PixelFormat, PixelType, Size

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


class PixelNormalization(nn.Module):
    """Converts pixels to zero mean and unit deviation, and sets padding to zero.

    Args:
        mean: Of each channel, in the units of the pixels: 0..255 for red, green and blue.
        std: Standard deviations of the same.
        pixel_type: Of the images.

    Example:
        >>> normalize = PixelNormalization(IMAGENET_MEAN, IMAGENET_STD)
        >>> images = torch.full((1, 3, 4, 4), 255, dtype=torch.uint8)
        >>> normalized = normalize(images, sizes=[(4, 2)])  # the right half is padding
        >>> [round(value, 2) for value in normalized[0, 0, 0].tolist()]
        [2.25, 2.25, 0.0, 0.0]
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float], pixel_type: PixelType = "uint8") -> None:
        super().__init__()
        self.format = PixelFormat(len(mean), pixel_type)
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor, sizes: Sequence[Size] | None = None) -> Tensor:
        """Normalizes a padded batch.

        Args:
            images: (B,C,H,W) with C channels: (B,3,H,W) uint8 RGB, or of the format that `mean` and `pixel_type` tell.
            sizes: The unpadded size of each image, its top left region; None = no padding.

        Returns:
            (B,C,H,W) float32, channels last in memory.

        Raises:
            DataError: the images are of another type or have another number of channels.
        """
        if not self.format.fits(images):
            raise DataError(_explained(images, self.format))
        # The whole model keeps this memory format, in which convolutions are fastest, most of all in half precision.
        pixels = images.contiguous(memory_format=torch.channels_last)
        normalized = ((pixels if images.dtype == torch.uint8 else pixels.float()) - self.mean) / self.std
        # Set after the normalization: padding is the mean color, not black.
        if sizes and all(size == sizes[0] for size in sizes):
            # One product for all images, whatever their number: a batch of any size and height can be traced.
            rows, columns = (torch.arange(side, device=images.device) for side in normalized.shape[-2:])
            return normalized.mul_((rows < sizes[0][0])[:, None] & (columns < sizes[0][1]))
        for image, (height, width) in zip(normalized, sizes or [], strict=False):
            image[:, height:] = 0
            image[:, :, width:] = 0
        return normalized


def _explained(images: Tensor, expected: PixelFormat) -> str:
    if images.dtype != expected.dtype:
        # Float images are often scaled to 0..1 or normalized already, which would give wrong results silently.
        what = "uint8 RGB values from 0 to 255" if expected.is_rgb else f"images of {expected}"
        return (
            f"images: the model takes {what}, not {images.dtype}. Pass the pixels as they are stored; the model "
            "normalizes them itself."
        )
    return (
        f"images: the model takes (B, {expected.channels}, H, W), {expected}, not {tuple(images.shape)}. "
        "Its pixel_mean has a number for each channel."
    )


def pixel_statistics(
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    published: tuple[Sequence[float], Sequence[float]] | None,
    pixel_type: PixelType = "uint8",
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns the mean and deviation that a model normalizes images with, one number per channel.

    Args:
        mean: The model's setting `pixel_mean`. None is the published one, or else ImageNet's.
        std: The model's setting `pixel_std`. None likewise.
        published: Those of the images that the initial weights were trained on, if the weights' part knows them.
        pixel_type: Of the images.

    Raises:
        ConfigError: one of them is not known, or they are of different numbers of channels.

    Example:
        >>> pixel_statistics((7.0, 8.0), (2.0, 2.0), None, "uint16")
        ((7.0, 8.0), (2.0, 2.0))
        >>> pixel_statistics((7.0, 8.0), None, None)
        Traceback (most recent call last):
        segkit.errors.ConfigError: model.pixel_std: has 3 numbers, but model.pixel_mean has 2. Give both one number \
per channel of the images. `segkit check CONFIG --data` prints them.
    """
    for name, given in (("pixel_mean", mean), ("pixel_std", std)):
        if given is not None and not given:
            raise ConfigError(f"model.{name}: the list is empty. Give one number per channel of the images.")
    if pixel_type != "uint8" and (mean is None or std is None):
        raise ConfigError(
            f"model.pixel_type: the mean and deviation of images of {pixel_type} are not known. Set model.pixel_mean "
            "and model.pixel_std, one number per channel, as `segkit check CONFIG --data` prints them."
        )
    known_mean, known_std = published or (IMAGENET_MEAN, IMAGENET_STD)
    means, stds = tuple(mean or known_mean), tuple(std or known_std)
    if len(means) != len(stds):
        raise ConfigError(
            f"model.pixel_std: has {counted(stds, 'number')}, but model.pixel_mean has {len(means)}. Give both "
            "one number "
            "per channel of the images. `segkit check CONFIG --data` prints them."
        )
    return means, stds
