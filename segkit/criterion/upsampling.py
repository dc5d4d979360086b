"""Bilinear upsampling of whole maps, with its adjoint, and the pixels in whatever order makes both quick.

The values are those of `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)` up to float rounding.
Losses do not ask where a pixel lies, so an upsampled map need not be laid out in rows: where sides grow by a whole
factor, all pixels at the same place within their source pixel (a phase) are the same weighted sum of its 3 x 3
neighbourhood, and a map is upsampled by one small matrix product.
"""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from segkit.types import Size


class Upsampling(Protocol):
    """From maps of one size to the P = H * W pixels of another."""

    def __call__(self, maps: Tensor) -> Tensor:
        """(M,h,w) float32 -> (M,P)."""

    def adjoint(self, gradient: Tensor) -> Tensor:
        """(M,P) gradient of the pixels -> (M,h,w) gradient of the maps."""

    def arrange(self, pixels: Tensor) -> Tensor:
        """(…,H,W) -> (…,P), in the order of upsampled pixels."""


def make_upsampling(source: Size, output: Size, device: torch.device) -> Upsampling:
    whole = output[0] % source[0] == 0 and output[1] % source[1] == 0
    return _ByPhase(source, output, device) if whole else _ByMatrix(source, output, device)


class _ByPhase:
    """Sides that grow by whole factors; P in the order phase row, phase column, source row, source column."""

    def __init__(self, source: Size, output: Size, device: torch.device) -> None:
        self.source = source
        self.factors = (output[0] // source[0], output[1] // source[1])
        rows, columns = (_phases(factor) for factor in self.factors)
        self.weights = torch.einsum("ri,cj->rcij", rows, columns).reshape(-1, 9).to(device)  # (phases, neighbours)

    def __call__(self, maps: Tensor) -> Tensor:
        padded = pad(maps[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
        neighbours = padded.unfold(1, self.source[0], 1).unfold(2, self.source[1], 1)  # (M, 3, 3, h, w)
        return (self.weights @ neighbours.reshape(len(maps), 9, -1)).flatten(1)

    def adjoint(self, gradient: Tensor) -> Tensor:
        count, (height, width) = len(gradient), self.source
        neighbours = self.weights.T @ gradient.view(count, len(self.weights), -1)
        padded = gradient.new_zeros(count, height + 2, width + 2)
        for index in range(9):
            row, column = divmod(index, 3)
            padded[:, row : row + height, column : column + width] += neighbours[:, index].view(count, height, width)
        padded[:, 1] += padded[:, 0]  # the border stands for the pixels beyond it
        padded[:, -2] += padded[:, -1]
        padded[:, :, 1] += padded[:, :, 0]
        padded[:, :, -2] += padded[:, :, -1]
        return padded[:, 1:-1, 1:-1]

    def arrange(self, pixels: Tensor) -> Tensor:
        (rows, columns), (height, width) = self.factors, self.source
        parts = pixels.view(*pixels.shape[:-2], height, rows, width, columns)
        return parts.movedim((-3, -1), (-4, -3)).flatten(-4)


def _phases(factor: int) -> Tensor:
    """(factor,3): how each of the `factor` pixels of a source pixel weighs the one before, itself and the one after."""
    weights = torch.zeros(factor, 3)
    for phase in range(factor):
        offset = (phase + 0.5) / factor - 0.5
        weights[phase] = torch.tensor([max(0.0, -offset), 1 - abs(offset), max(0.0, offset)])
    return weights


class _ByMatrix:
    """Any sizes; P by rows."""

    def __init__(self, source: Size, output: Size, device: torch.device) -> None:
        self.output = output
        self.rows, self.columns = (
            _matrix(*sides).to(device) for sides in zip(source, output, strict=True)
        )  # (H, h), (W, w)

    def __call__(self, maps: Tensor) -> Tensor:
        return (self.rows @ (maps @ self.columns.T)).flatten(1)

    def adjoint(self, gradient: Tensor) -> Tensor:
        return self.rows.T @ (gradient.view(-1, *self.output) @ self.columns)

    def arrange(self, pixels: Tensor) -> Tensor:
        return pixels.flatten(-2)


def _matrix(source: int, output: int) -> Tensor:
    """(output,source): what each output pixel of a line takes of each source pixel."""
    return interpolate(torch.eye(source)[None], size=output, mode="linear", align_corners=False)[0].T
