"""Where a mask loss compares masks: at every pixel of the image, or at random points of each mask.

Both ways turn mask maps (M,h,w) into logits (M,P) with targets and validity at the same P places, and map the gradient
of the logits back to the maps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from segkit.ops.points import PointSampling, pixels_of, sample_maps, uncertain_points
from segkit.ops.target_batch import ChosenSegments, TargetBatch
from segkit.types import Size


@dataclass(frozen=True)
class MaskPixels:
    """M masks at P places each: what a mask loss takes."""

    logits: Tensor
    """(M,P) float32, without gradient."""
    targets: Tensor
    """(M,P) float32, 0 or 1."""
    valid: Tensor | None
    """(M,P) bool: the places that count; None = all."""
    to_maps: Callable[[Tensor], Tensor]
    """Maps the gradient of `logits` (M,P) to the gradient of the mask maps (M,h,w)."""


class PixelSource(Protocol):
    """The places at which the masks of a batch are compared."""

    memory_per_mask: int
    """Values that one mask needs at the same time, at least P."""

    def __call__(self, maps: Tensor, segments: ChosenSegments) -> MaskPixels:
        """Takes mask maps (M,h,w) float32 and the segment that each is compared with."""


class AllPixels:
    """Every pixel of the images, for maps of one size. Prepared once and used for all masks of a batch.

    Args:
        targets: Of the images, at full size (H,W).
        size: (H,W).
        map_size: (h,w) of the mask maps.
    """

    def __init__(self, targets: TargetBatch, size: Size, map_size: Size) -> None:
        self.memory_per_mask = size[0] * size[1]
        self.upsampling = make_upsampling(map_size, size, targets.labels.device)
        self.targets = targets.arranged(self.upsampling.arrange)

    def __call__(self, maps: Tensor, segments: ChosenSegments) -> MaskPixels:
        """Upsamples maps (M,h,w); P = H * W."""
        masks, valid = self.targets.masks_of(segments), self.targets.valid_of(segments)
        return MaskPixels(self.upsampling(maps), masks, valid, self.upsampling.adjoint)


class RandomPoints:
    """Random points of each mask, most of them where its logits are near zero (Kirillov et al. 2020, sec. 3.1).

    Args:
        targets: Of the images, at full size (H,W).
        size: (H,W).
        sampling: How many points, and how they are chosen.
    """

    def __init__(self, targets: TargetBatch, size: Size, sampling: PointSampling) -> None:
        self.targets = targets
        self.size = size
        self.sampling = sampling
        self.memory_per_mask = sampling.candidates

    def __call__(self, maps: Tensor, segments: ChosenSegments) -> MaskPixels:
        """Samples maps (M,h,w) bilinearly at points of their own; the target is that of the pixel below the point."""
        points = uncertain_points(maps, self.sampling)  # (M, P, 2)
        pixels = pixels_of(points, self.size)  # (M, P)
        masks = self.targets.masks_at(segments, pixels).float()
        valid = self.targets.valid_at(segments, pixels)
        with torch.enable_grad():
            leaf = maps.detach().requires_grad_()
            sampled = sample_maps(leaf, points)

        def to_maps(gradient: Tensor) -> Tensor:
            return torch.autograd.grad(sampled, leaf, gradient)[0]

        return MaskPixels(sampled.detach(), masks, valid, to_maps)


class Upsampling(Protocol):
    """Bilinear upsampling of maps (M,h,w) to the P = H * W pixels of an image, and its adjoint.

    The values are those of `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)` up to rounding. The
    order of the P pixels is the implementation's choice, because no mask loss depends on where a pixel lies.
    """

    def __call__(self, maps: Tensor) -> Tensor:
        """Upsamples (M,h,w) float32 to (M,P)."""

    def adjoint(self, gradient: Tensor) -> Tensor:
        """Maps the gradient of the pixels (M,P) to the gradient of the maps (M,h,w)."""

    def arrange(self, pixels: Tensor) -> Tensor:
        """Brings (…,H,W) into the order of the upsampled pixels, (…,P)."""


def make_upsampling(source: Size, output: Size, device: torch.device) -> Upsampling:
    """Chooses the faster implementation for these sizes.

    Example:
        >>> upsampling = make_upsampling((1, 2), (1, 4), torch.device("cpu"))
        >>> pixels = upsampling(torch.tensor([[[0.0, 4.0]]]))
        >>> order = upsampling.arrange(torch.arange(4).view(1, 4)).argsort()
        >>> pixels[0, order].tolist()
        [0.0, 1.0, 3.0, 4.0]
    """
    whole_factors = output[0] % source[0] == 0 and output[1] % source[1] == 0
    return PhaseUpsampling(source, output, device) if whole_factors else MatrixUpsampling(source, output, device)


class PhaseUpsampling:
    """Upsampling by whole factors (the usual case, 4 and 4) as one small matrix product.

    All pixels at the same place within their source pixel (a phase) are the same weighted sum of the 3 x 3 source
    pixels around it. So P is ordered by phase row, phase column, source row, source column.
    """

    def __init__(self, source: Size, output: Size, device: torch.device) -> None:
        self.source = source
        self.factors = (output[0] // source[0], output[1] // source[1])
        rows, columns = (_phase_weights(factor) for factor in self.factors)
        self.weights = torch.einsum("ri,cj->rcij", rows, columns).reshape(-1, 9).to(device)  # (phases, neighbors)

    def __call__(self, maps: Tensor) -> Tensor:
        padded = pad(maps[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
        neighbors = padded.unfold(1, self.source[0], 1).unfold(2, self.source[1], 1)  # (M, 3, 3, h, w)
        # The product has one row per phase. Keeping that order needs no transposed copy of the P pixels; the target is
        # permuted once per image instead (`arrange`).
        return (self.weights @ neighbors.reshape(len(maps), 9, -1)).flatten(1)

    def adjoint(self, gradient: Tensor) -> Tensor:
        neighbors = self.weights.T @ gradient.view(len(gradient), len(self.weights), -1)  # (M, 9, h * w)
        by_row = neighbors.view(-1, 3, 3, *self.source)
        # First the three rows of neighbors become one, (M, 3, h, w), then its columns.
        by_column = _add_to_neighbors(by_row.unbind(1), dim=-2)
        return _add_to_neighbors(by_column.unbind(1), dim=-1)

    def arrange(self, pixels: Tensor) -> Tensor:
        (rows, columns), (height, width) = self.factors, self.source
        split = pixels.view(*pixels.shape[:-2], height, rows, width, columns)
        return split.movedim((-3, -1), (-4, -3)).flatten(-4)


def _add_to_neighbors(gradients: Sequence[Tensor], dim: int) -> Tensor:
    """Adds the gradients of the pixels before, at and after each pixel along `dim` to these pixels, in place.

    The padding repeats the border, so what belongs to the padding goes to the border pixel.
    """
    before, total, after = gradients
    last = total.shape[dim] - 1
    total.narrow(dim, 0, last).add_(before.narrow(dim, 1, last))
    total.select(dim, 0).add_(before.select(dim, 0))
    total.narrow(dim, 1, last).add_(after.narrow(dim, 0, last))
    total.select(dim, last).add_(after.select(dim, last))
    return total


def _phase_weights(factor: int) -> Tensor:
    """Returns (factor,3): the weights of the source pixels before, at and after each of `factor` pixels of a line."""
    weights = torch.zeros(factor, 3)
    for phase in range(factor):
        offset = (phase + 0.5) / factor - 0.5  # of the pixel's center from the source pixel's, in source pixels
        weights[phase] = torch.tensor([max(0.0, -offset), 1 - abs(offset), max(0.0, offset)])
    return weights


class MatrixUpsampling:
    """Upsampling between any two sizes as two matrix products; P is ordered by rows."""

    def __init__(self, source: Size, output: Size, device: torch.device) -> None:
        self.output = output
        self.rows, self.columns = (
            _line_weights(*sides).to(device) for sides in zip(source, output, strict=True)
        )  # (H, h), (W, w)

    def __call__(self, maps: Tensor) -> Tensor:
        return (self.rows @ (maps @ self.columns.T)).flatten(1)

    def adjoint(self, gradient: Tensor) -> Tensor:
        return self.rows.T @ (gradient.view(-1, *self.output) @ self.columns)

    def arrange(self, pixels: Tensor) -> Tensor:
        return pixels.flatten(-2)


def _line_weights(source: int, output: int) -> Tensor:
    """Returns (output,source): the weight of each source pixel of a line in each output pixel."""
    return interpolate(torch.eye(source)[None], size=output, mode="linear", align_corners=False)[0].T
