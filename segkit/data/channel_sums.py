"""Mean and standard deviation of each channel of many images."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass
class ChannelSums:
    """Sums over the pixels of images of equal channels.

    Example:
        >>> import torch
        >>> sums = ChannelSums.of(torch.tensor([[[1, 3]], [[7, 7]]], dtype=torch.uint16))
        >>> sums.mean, sums.std
        ([2.0, 7.0], [1.0, 0.0])
    """

    pixels: int
    values: Tensor
    """(C,) float64, the sum of the values."""
    squares: Tensor
    """(C,) float64, the sum of their squares."""

    @classmethod
    def of(cls, image: Tensor) -> ChannelSums:
        """Returns those of an image (C,H,W)."""
        values = image.flatten(1).double()  # (C, P)
        return cls(values.shape[1], values.sum(1), values.square().sum(1))

    def __add__(self, other: ChannelSums) -> ChannelSums:
        return ChannelSums(self.pixels + other.pixels, self.values + other.values, self.squares + other.squares)

    @property
    def mean(self) -> list[float]:
        """Of each channel."""
        return _rounded(self.values / self.pixels)

    @property
    def std(self) -> list[float]:
        """Standard deviation of each channel."""
        return _rounded((self.squares / self.pixels - (self.values / self.pixels).square()).clamp(min=0).sqrt())


def _rounded(values: Tensor) -> list[float]:
    return [float(f"{value:.6g}") for value in values.tolist()]
