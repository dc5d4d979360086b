"""The targets of a batch as a few tensors, so that work on them takes no more operations for more images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from segkit.ops.targets import nearest
from segkit.types import NO_SEGMENT, Size, Target


@dataclass(frozen=True)
class TargetBatch:
    """The targets of B images. The segments of all images are numbered one after the other.

    The pixels of a map are (H,W), or (P,) after `at`. Exactly one of `segment_maps` and `overlapping_masks` is given.

    Example:
        >>> first = Target(torch.tensor([5, 7]), torch.tensor([[0, 0, 1]], dtype=torch.int16))
        >>> second = Target(torch.tensor([3]), torch.tensor([[-1, 0, 0]], dtype=torch.int16))
        >>> batch = TargetBatch.collect([first, second])
        >>> batch.labels.tolist(), batch.counts, batch.padded_masks().shape
        ([5, 7, 3], [2, 1], torch.Size([2, 2, 1, 3]))
    """

    labels: Tensor
    """(S,) int64: the classes of the segments of all images."""
    image: Tensor
    """(S,) int64: the image of each segment."""
    index: Tensor
    """(S,) int64: the index of each segment within its image."""
    counts: list[int]
    """Number of segments of each image. Held on the CPU, so that nothing waits for a GPU."""
    segment_maps: Tensor | None
    """(B,H,W): index of the segment within its image, or NO_SEGMENT."""
    overlapping_masks: Tensor | None
    """(S,H,W) bool."""
    valid: Tensor | None
    """(B,H,W) bool; None where every pixel of every image is valid."""

    @classmethod
    def collect(cls, targets: Sequence[Target]) -> TargetBatch:
        """Collects targets of one size and device. Where one of them has overlapping masks, all get masks."""
        device = targets[0].labels.device
        counts = [len(target) for target in targets]
        image, index = segment_places(counts, device)
        maps = [target.segment_map for target in targets if target.segment_map is not None]
        whole = len(maps) == len(targets)
        return cls(
            torch.cat([target.labels for target in targets]),
            image,
            index,
            counts,
            torch.stack(maps) if whole else None,
            None if whole else torch.cat([target.masks for target in targets]),
            _stack_valid(targets),
        )

    def resized(self, size: Size) -> TargetBatch:
        """Resizes all maps by nearest neighbor, as `segkit.ops.targets.resize_target` does."""
        return self.arranged(lambda values: nearest(values, size))

    def at(self, pixels: Tensor) -> TargetBatch:
        """Reads all maps at chosen pixels of each image, (B,P) int64 counted by rows: the maps become (B,P)."""
        return self._change(
            lambda values, image: values.flatten(1).gather(1, pixels if image is None else pixels[image])
        )

    def padded_masks(self) -> Tensor:
        """Returns the masks of each image's segments, (B,N,…) bool; N is the largest number, further rows are False."""
        num_images, num_segments = len(self.counts), max(self.counts)
        if self.segment_maps is not None:
            numbers = torch.arange(num_segments, device=self.segment_maps.device, dtype=self.segment_maps.dtype)
            return self.segment_maps[:, None] == numbers.view(-1, *[1] * (self.segment_maps.ndim - 1))
        assert self.overlapping_masks is not None
        padded = self.overlapping_masks.new_zeros(num_images, num_segments, *self.overlapping_masks.shape[1:])
        padded[self.image, self.index] = self.overlapping_masks
        return padded

    def padded_labels(self) -> Tensor:
        """Returns the classes of each image's segments, (B,N) int64; further entries are 0."""
        padded = self.labels.new_zeros(len(self.counts), max(self.counts))
        padded[self.image, self.index] = self.labels
        return padded

    def masks_of(self, chosen: ChosenSegments) -> Tensor:
        """Returns the masks of M chosen segments at all pixels, (M,…) float32, 0 or 1."""
        if self.segment_maps is None:
            assert self.overlapping_masks is not None
            return self.overlapping_masks[chosen.segment].float()
        maps = _of_images(self.segment_maps, chosen)
        # `eq` writes floats directly: no bool mask of the same size that is read once more to convert it.
        equal = torch.empty(len(chosen), *maps.shape[1:], device=maps.device)
        return torch.eq(maps, chosen.index.to(maps.dtype).view(-1, *[1] * (maps.ndim - 1)), out=equal)

    def valid_of(self, chosen: ChosenSegments) -> Tensor | None:
        """Returns for M chosen segments which pixels of their images are valid, (M,…) bool; None = all."""
        if self.valid is None:
            return None
        return _of_images(self.valid, chosen).expand(len(chosen), *self.valid.shape[1:])

    def masks_at(self, chosen: ChosenSegments, pixels: Tensor) -> Tensor:
        """Returns the masks of M chosen segments at pixels of their own, (M,P) int64 counted by rows: (M,P) bool."""
        if self.segment_maps is None:
            assert self.overlapping_masks is not None
            return self.overlapping_masks.flatten(1)[chosen.segment[:, None], pixels]
        # Compared in the map's own type: otherwise torch would first convert the map to int64.
        numbers = chosen.index.to(self.segment_maps.dtype)[:, None]
        return self.segment_maps.flatten(1)[chosen.image[:, None], pixels] == numbers

    def valid_at(self, chosen: ChosenSegments, pixels: Tensor) -> Tensor | None:
        """Returns for M chosen segments which of their pixels (M,P) are valid, (M,P) bool; None = all."""
        return None if self.valid is None else self.valid.flatten(1)[chosen.image[:, None], pixels]

    def label_maps(self, void: int) -> Tensor:
        """Returns the class index of each pixel, (B,H,W) int64, and `void` where none is valid or known.

        Where masks overlap, the last one wins.
        """
        label_of = torch.cat([self.labels, self.labels.new_tensor([void])])  # (S + 1,)
        numbers = self._segment_numbers()  # (B, H, W); NO_SEGMENT = -1 indexes the last entry, which is void
        labels = label_of[numbers]
        return labels if self.valid is None else labels.masked_fill(~self.valid, void)

    def _segment_numbers(self) -> Tensor:
        """Returns the segment of each pixel among those of all images, (B,H,W) int64, or NO_SEGMENT."""
        if self.segment_maps is not None:
            firsts = torch.from_numpy(np.cumsum([0, *self.counts[:-1]])).to(self.labels.device)
            numbers = self.segment_maps + firsts.view(-1, 1, 1)
            return numbers.masked_fill_(self.segment_maps == NO_SEGMENT, NO_SEGMENT)
        assert self.overlapping_masks is not None
        shape = (len(self.counts), *self.overlapping_masks.shape[1:])
        numbers = torch.full(shape, NO_SEGMENT, dtype=torch.int64, device=self.labels.device)
        images = np.repeat(np.arange(len(self.counts)), self.counts).tolist()
        for number, (image, mask) in enumerate(zip(images, self.overlapping_masks, strict=True)):
            numbers[image].masked_fill_(mask, number)
        return numbers

    def arranged(self, arrange: Callable[[Tensor], Tensor]) -> TargetBatch:
        """Applies `arrange` to all maps; it changes pixels alone."""
        return self._change(lambda values, _: arrange(values))

    def _change(self, change: Callable[[Tensor, Tensor | None], Tensor]) -> TargetBatch:
        """Applies `change(maps, image of each map, or None where there is one map per image)` to all maps."""
        return replace(
            self,
            segment_maps=None if self.segment_maps is None else change(self.segment_maps, None),
            overlapping_masks=None if self.overlapping_masks is None else change(self.overlapping_masks, self.image),
            valid=None if self.valid is None else change(self.valid, None),
        )


@dataclass(frozen=True)
class ChosenSegments:
    """M segments of a batch, one after the other by image."""

    image: Tensor
    """(M,) int64: the image of each."""
    index: Tensor
    """(M,) int64: the index of each within its image."""
    segment: Tensor
    """(M,) int64: the index of each among the segments of all images."""
    images: npt.NDArray[np.int64]
    """(M,): `image` on the CPU, so that nothing waits for a GPU."""

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: slice) -> ChosenSegments:
        return ChosenSegments(self.image[rows], self.index[rows], self.segment[rows], self.images[rows])


def _of_images(maps: Tensor, chosen: ChosenSegments) -> Tensor:
    """Returns the map of each chosen segment's image, (M,…), or (1,…) where all are of one image."""
    first, last = chosen.images[0], chosen.images[-1]
    return maps[first : first + 1] if first == last else maps[chosen.image]


def _stack_valid(targets: Sequence[Target]) -> Tensor | None:
    if all(target.valid is None for target in targets):
        return None
    everywhere = torch.ones(targets[0].size, dtype=torch.bool, device=targets[0].labels.device)
    return torch.stack([everywhere if target.valid is None else target.valid for target in targets])


def segment_places(counts: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Returns the image of each segment and its index within that image, (S,) int64 each, in one transfer.

    Args:
        counts: Number of segments of each image.
        device: Where to.

    Example:
        >>> image, index = segment_places([2, 0, 1], torch.device("cpu"))
        >>> image.tolist(), index.tolist()
        ([0, 0, 2], [0, 1, 0])
    """
    image, index = torch.from_numpy(np.stack([np.repeat(np.arange(len(counts)), counts), numbered(counts)])).to(device)
    return image, index


def numbered(counts: Sequence[int]) -> npt.NDArray[np.int64]:
    """Counts up from 0 in each of several groups of these sizes.

    Example:
        >>> numbered([2, 0, 3]).tolist()
        [0, 1, 0, 1, 2]
    """
    firsts = np.cumsum(counts) - counts
    return np.arange(sum(counts)) - np.repeat(firsts, counts)
