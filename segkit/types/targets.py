"""What the annotation of an image says: its segments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from segkit.types.sizes import Size

NO_SEGMENT = -1
"""Value of a segment map where a pixel belongs to no segment."""

Match = tuple[Tensor, Tensor]
"""(query_index (M,), target_index (M,)) int64: the queries matched to segments of one image."""


@dataclass
class Target:
    """The annotated segments of one image: their classes and their pixels.

    Exactly one of `segment_map` and `overlapping_masks` is given. A map takes a fraction of the memory of N masks, but
    cannot hold segments that overlap. `masks` makes (N, H, W) of either. N may be 0.

    Example:
        >>> target = Target(torch.tensor([5, 7]), segment_map=torch.tensor([[0, 0, 1], [-1, 0, 1]]))
        >>> len(target), target.size
        (2, (2, 3))
        >>> target.masks[1].int().tolist()
        [[0, 0, 1], [0, 0, 1]]
    """

    labels: Tensor
    """(N,) int64, class index 0..K-1."""
    segment_map: Tensor | None = None
    """(H, W) int16 or int32: index 0..N-1 of the segment of each pixel, or NO_SEGMENT."""
    overlapping_masks: Tensor | None = None
    """(N, H, W) bool, for segments that may overlap."""
    valid: Tensor | None = None
    """(H, W) bool: False where the class is unknown (void) and in padding. None: valid everywhere."""
    is_crowd: Tensor | None = None
    """(N,) bool: crowds count neither as true positives nor as false negatives. None: no crowds."""
    areas: Tensor | None = None
    """(N,) float: areas in pixels as the annotation gives them, for COCO's size ranges. None: not given."""

    def __post_init__(self) -> None:
        assert (self.segment_map is None) != (self.overlapping_masks is None), "one of segment_map, overlapping_masks"

    def __len__(self) -> int:
        return int(self.labels.shape[0])

    @property
    def size(self) -> Size:
        """(H, W) of the masks."""
        pixels = self.segment_map if self.segment_map is not None else self.overlapping_masks
        # For the type checker: __post_init__ has made sure.
        assert pixels is not None
        return int(pixels.shape[-2]), int(pixels.shape[-1])

    @property
    def masks(self) -> Tensor:
        """(N, H, W) bool: the masks of all segments."""
        return self.masks_of(torch.arange(len(self), device=self.labels.device))

    def masks_of(self, segments: Tensor) -> Tensor:
        """Returns the masks (M, H, W) bool of `segments` (M,) int64, without making those of the others."""
        if self.overlapping_masks is not None:
            return self.overlapping_masks[segments]
        assert self.segment_map is not None
        # In the map's own type: otherwise torch would first convert the whole map to int64.
        return self.segment_map == segments.to(self.segment_map.dtype)[:, None, None]

    def to(self, device: torch.device | str) -> Target:
        """Returns the target on `device`. The copy is asynchronous where memory is pinned."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Target:
        """Returns the target in page-locked memory, from which `to` copies to a GPU without waiting."""
        return self._each(lambda tensor: tensor.pin_memory())

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors that are given, by the name of their field."""
        # Every field is a tensor or None. `asdict` would copy the tensors.
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: tensor for name, tensor in values.items() if tensor is not None}

    def _each(self, change: Callable[[Tensor], Tensor]) -> Target:
        """Applies `change` to every tensor."""
        return replace(self, **{name: change(tensor) for name, tensor in self.tensors.items()})
