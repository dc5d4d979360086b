"""Instances and panoptic segments of large images, window by window."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.data.padding import padded_size, stack_padded
from segkit.inference.segment_merging import Box, Fragment, SegmentMerger, fragments_of
from segkit.inference.sliding_window import SlidingWindow
from segkit.ops.resizing import row_chunks
from segkit.postprocessors.panoptic import Panoptic
from segkit.registries import Postprocessor
from segkit.types import (
    ImageSizes,
    InstanceResult,
    LargeInstanceResult,
    MaskCrop,
    PanopticResult,
    PanopticSegment,
    Size,
)

SegmentResult: TypeAlias = InstanceResult | PanopticResult

PredictWindow: TypeAlias = Callable[[Tensor, ImageSizes], SegmentResult]
"""Predicts a window (1,C,H,W)."""


@dataclass
class _Parts:
    """What is kept of the fragments of all windows."""

    labels: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    areas: list[int] = field(default_factory=list)

    def add(self, fragments: Sequence[Fragment]) -> None:
        for fragment in fragments:
            self.labels.append(fragment.label)
            self.scores.append(fragment.score)
            self.areas.append(int(np.count_nonzero(fragment.mask)))

    def segments(self, groups: Sequence[int]) -> tuple[list[int], list[float]]:
        """Returns label and score of each segment, whose fragments are in one group."""
        areas, sums = np.zeros(max(groups, default=-1) + 1), np.zeros(max(groups, default=-1) + 1)
        labels = [0] * len(areas)
        for label, score, area, group in zip(self.labels, self.scores, self.areas, groups, strict=True):
            areas[group] += area
            sums[group] += area * score
            labels[group] = label
        return labels, (sums / areas.clip(min=1)).tolist()


@dataclass
class Windows:
    """An image and how it is predicted in windows."""

    read: Callable[[int, int], Tensor]
    """Returns rows top..bottom of the image as (C,r,W)."""
    size: Size
    """Height and width of the image."""
    output: Size
    """Those of the result."""
    spans: SlidingWindow
    """Tells the windows."""
    predict: PredictWindow
    is_large: bool = False
    """Whether instances stay crops: there is no memory for a mask of the whole image for each."""


def segments_in_windows(windows: Windows, postprocessor: Postprocessor, classes: Classes) -> SegmentResult:
    """Returns the instances or panoptic segments of an image, merged by the rule of `segkit.inference.segment_merging`.

    Args:
        windows: The image and its windows.
        postprocessor: That gave the result of each window.
        classes: Of the results.
    """
    if postprocessor.result_type is InstanceResult:
        return _instances(windows, len(classes))
    stuff = [not thing for thing in classes.things]
    return _panoptic(windows, classes, postprocessor.fused if isinstance(postprocessor, Panoptic) else stuff)


def _instances(windows: Windows, num_classes: int) -> InstanceResult:
    """Returns the instances of an image. One that several windows see is the union of its parts."""
    merger, parts = SegmentMerger([False] * num_classes), _Parts()
    kept: list[MaskCrop] = []
    for window, _, result in _results(windows):
        fragments = fragments_of(result, window[0], window[1])
        merger.add(window, fragments)
        parts.add(fragments)
        kept += (MaskCrop.of(fragment.mask, *fragment.box[:2]) for fragment in fragments)
    groups = merger.groups()
    labels, scores = parts.segments(groups)
    together: list[list[MaskCrop]] = [[] for _ in labels]
    for crop, group in zip(kept, groups, strict=True):
        together[group].append(crop)
    ordered, order = torch.tensor(scores).sort(descending=True, stable=True)
    crops = [_union(together[number]) for number in order.tolist()]
    result = LargeInstanceResult(torch.tensor(labels, dtype=torch.int64)[order], ordered, crops, windows.size)
    if windows.is_large:
        return result
    masks = _nearest(result.masks, windows.output)
    present = masks.flatten(1).any(1)
    return InstanceResult(result.labels[present], result.scores[present], masks[present])


def _union(crops: Sequence[MaskCrop]) -> MaskCrop:
    if len(crops) == 1:
        return crops[0]
    top, left = min(one.top for one in crops), min(one.left for one in crops)
    bottom = max(one.top + one.height for one in crops)
    right = max(one.left + one.width for one in crops)
    mask = np.zeros((bottom - top, right - left), dtype=np.bool_)
    for one in crops:
        rows, columns = one.top - top, one.left - left
        mask[rows : rows + one.height, columns : columns + one.width] |= one.mask
    return MaskCrop.of(mask, top, left)


def _panoptic(windows: Windows, classes: Classes, fused: Sequence[bool]) -> PanopticResult:
    """Returns the panoptic segments of an image.

    A pixel that several windows see has the segment of the window in which it lies farthest from the border; where that
    one has none, that of another. Memory takes 4 bytes a pixel.
    """
    merger, parts = SegmentMerger(fused), _Parts()
    segment_map = torch.zeros(windows.size, dtype=torch.int32)
    for window, core, result in _results(windows):
        assert isinstance(result, PanopticResult), "the postprocessor gives such results"
        fragments = fragments_of(result, window[0], window[1])
        _paint(segment_map, result, window, core, first=len(parts.labels) + 1)
        merger.add(window, fragments)
        parts.add(fragments)
    groups = merger.groups()
    labels, scores = parts.segments(groups)
    segment_map = _nearest(segment_map, windows.output)
    _renumber_(segment_map, torch.tensor([0, *(group + 1 for group in groups)], dtype=torch.int32))
    present = torch.zeros(len(labels) + 1, dtype=torch.bool)
    for start, stop in _chunks(segment_map):
        present[segment_map[start:stop].flatten().long()] = True
    present[0] = False
    numbers = (present.cumsum(0) * present).int()  # without those that other windows cover
    _renumber_(segment_map, numbers)
    segments = [
        PanopticSegment(int(numbers[place]), labels[place - 1], classes.things[labels[place - 1]], scores[place - 1])
        for place in present.nonzero().flatten().tolist()
    ]
    return PanopticResult(segment_map, segments)


def _renumber_(segment_map: Tensor, numbers: Tensor) -> None:
    """Replaces each value v by `numbers[v]`."""
    for start, stop in _chunks(segment_map):
        segment_map[start:stop] = numbers[segment_map[start:stop].long()]


def _chunks(segment_map: Tensor) -> Iterator[tuple[int, int]]:
    return row_chunks(segment_map.shape[0], segment_map.shape[1], segment_map.device)


def _nearest(values: Tensor, output: Size) -> Tensor:
    """Resizes (...,h,w) to the output size: each pixel takes the nearest value."""
    height, width = int(values.shape[-2]), int(values.shape[-1])
    if (height, width) == output:
        return values
    rows = ((torch.arange(output[0]) + 0.5) * (height / output[0])).long()
    columns = ((torch.arange(output[1]) + 0.5) * (width / output[1])).long()
    return values.index_select(-2, rows).index_select(-1, columns)


def _results(windows: Windows) -> Iterator[tuple[Box, Box, SegmentResult]]:
    """Yields, for each window, its box, the box of the pixels that lie farthest from its border, and its result."""
    spans, columns = windows.spans.spans(windows.size[0]), windows.spans.spans(windows.size[1])
    for rows, core_rows in zip(spans, _cores(spans), strict=True):
        band = windows.read(rows.start, rows.stop)
        for span, core in zip(columns, _cores(columns), strict=True):
            image = band[:, :, span]
            unpadded = int(image.shape[1]), int(image.shape[2])
            sizes = ImageSizes(padded_size([unpadded], windows.spans.size_divisor), unpadded, unpadded)
            result = windows.predict(stack_padded([image], sizes.padded), sizes)
            box = rows.start, span.start, rows.stop, span.stop
            yield box, (core_rows.start, core.start, core_rows.stop, core.stop), result


def _cores(spans: Sequence[slice]) -> list[slice]:
    """Returns the parts of overlapping spans that end in the middle of each overlap.

    Example:
        >>> _cores([slice(0, 8), slice(6, 14)])
        [slice(0, 7, None), slice(7, 14, None)]
    """
    middles = [(before.stop + after.start) // 2 for before, after in pairwise(spans)]
    starts, stops = [spans[0].start, *middles], [*middles, spans[-1].stop]
    return [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]


def _paint(segment_map: Tensor, result: PanopticResult, window: Box, core: Box, first: int) -> None:
    """Writes the fragments of a window into the map, numbered from `first` in the order of its segments."""
    numbers = torch.zeros(max((one.id for one in result.segments), default=0) + 1, dtype=torch.int32)
    for place, one in enumerate(result.segments):
        numbers[one.id] = first + place
    ours = numbers[result.segment_map.cpu().long()]
    room = segment_map[window[0] : window[2], window[1] : window[3]]
    inner = slice(core[0] - window[0], core[2] - window[0]), slice(core[1] - window[1], core[3] - window[1])
    merged = torch.where(room > 0, room, ours)
    merged[inner] = torch.where(ours[inner] > 0, ours[inner], room[inner])
    room.copy_(merged)
