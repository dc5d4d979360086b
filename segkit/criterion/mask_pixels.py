"""Where masks are compared: at every pixel of an image, or at points drawn for each mask.

Both turn the maps (M,h,w) of some masks into logits (M,P), say what is true there, and lead the gradient back.
"""

import torch
from torch import Tensor

from segkit.criterion.upsampling import make_upsampling
from segkit.ops.points import PointSampling, pixels_of, sample_maps, uncertain_points
from segkit.types import Size, Target


class AllPixels:
    """Every pixel of one image, for maps of one size; made once and used for all its masks."""

    def __init__(self, target: Target, source: Size) -> None:
        self.upsampling = make_upsampling(source, target.size, target.labels.device)
        self.target = target
        arrange = self.upsampling.arrange
        self.segment_map = None if target.segment_map is None else arrange(target.segment_map)  # (P,)
        self.known = None if target.valid is None else arrange(target.valid)  # (P,)

    def logits(self, maps: Tensor) -> Tensor:
        """(M,h,w) float32 -> (M,P)."""
        return self.upsampling(maps)

    def maps_gradient(self, gradient: Tensor) -> Tensor:
        """(M,P) gradient of the logits -> (M,h,w) gradient of the maps."""
        return self.upsampling.adjoint(gradient)

    def masks(self, segments: Tensor) -> Tensor:
        """(M,) int64 -> (M,P) float32 0/1: the masks of `segments`."""
        if self.target.overlapping_masks is not None:
            return self.upsampling.arrange(self.target.overlapping_masks[segments]).float()
        assert self.segment_map is not None
        return _where_equal(self.segment_map[None], segments)

    def valid(self, segments: Tensor) -> Tensor | None:
        """(M,P) bool, or None where all is known."""
        return None if self.known is None else self.known.expand(len(segments), -1)


class SampledPixels:
    """Points drawn for the masks of `maps` (M,h,w) float32, where these are most uncertain; what is true at a point is
    what is true of the pixel in which it lies. Its methods are those of AllPixels, for these masks alone."""

    def __init__(self, target: Target, maps: Tensor, sampling: PointSampling) -> None:
        points = uncertain_points(maps, sampling)
        self.target = target
        self.pixels = pixels_of(points, target.size)  # (M, P)
        with torch.enable_grad():
            self.maps = maps.detach().requires_grad_()
            self.sampled = sample_maps(self.maps, points)

    def logits(self, maps: Tensor) -> Tensor:
        return self.sampled.detach()

    def maps_gradient(self, gradient: Tensor) -> Tensor:
        (of_maps,) = torch.autograd.grad(self.sampled, self.maps, gradient)
        return of_maps

    def masks(self, segments: Tensor) -> Tensor:
        if self.target.overlapping_masks is not None:
            return self.target.overlapping_masks.flatten(1)[segments[:, None], self.pixels].float()
        assert self.target.segment_map is not None
        return _where_equal(self.target.segment_map.flatten()[self.pixels], segments)

    def valid(self, segments: Tensor) -> Tensor | None:
        return None if self.target.valid is None else self.target.valid.flatten()[self.pixels]


def _where_equal(segment_maps: Tensor, segments: Tensor) -> Tensor:
    """(M or 1,P), (M,) -> (M,P) float32 0/1. Written as floats at once, without a bool mask in between."""
    equal = torch.empty(len(segments), segment_maps.shape[1], device=segment_maps.device)
    return torch.eq(segment_maps, segments.to(segment_maps.dtype)[:, None], out=equal)
