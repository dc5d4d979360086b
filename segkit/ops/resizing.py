"""Bilinear resizing of logit maps, a few rows at a time, so that memory is bounded by a chunk and not by the image.

Bilinear resizing is linear and acts on rows and columns separately. So any band of output rows is made from the few
source rows under it, and a chain of two resizings (map -> padded batch -> image -> wanted size) widens the few source
rows before it makes many rows of them. The values are those of `torch.nn.functional.interpolate(mode="bilinear",
align_corners=False)`, without antialiasing, up to float rounding.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from segkit.types import ImageSizes, Size

CPU_CHUNK = 1 << 19
"""Values per chunk on a CPU: 2 MiB of float32, which stays in cache between two passes."""
GPU_CHUNK = 1 << 25
"""Values per chunk on an accelerator, where each launch costs more than a pass over memory."""
_WIDE_CHUNKS = 4
"""Chunks of widened source rows held at once; many, since neighbouring blocks both widen the rows at their border."""


def row_chunks(height: int, values_per_row: int, device: torch.device, chunks: int = 1) -> Iterator[tuple[int, int]]:
    """(start, stop) of bands of rows that cover 0..height, each holding about `chunks` chunks of values, at least one
    row."""
    budget = chunks * (CPU_CHUNK if device.type == "cpu" else GPU_CHUNK)
    rows = max(1, budget // max(1, values_per_row))
    for start in range(0, height, rows):
        yield start, min(start + rows, height)


def source_rows(source: int, output: int, start: int, stop: int) -> tuple[int, int]:
    """(first, end): the source rows that output rows start..stop of a resizing from `source` to `output` rows touch."""
    low, high, _ = taps(source, output, start, stop, torch.device("cpu"))
    return int(low[0]), int(high[-1]) + 1


def taps(source: int, output: int, start: int, stop: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """For output rows start..stop: the source rows above and below (int64), and the lower one's weight (float32)."""
    rows = torch.arange(start, stop, dtype=torch.float32, device=device)
    if source == output:
        return rows.long(), rows.long(), torch.zeros_like(rows)
    position = ((rows + 0.5) * (source / output) - 0.5).clamp_(min=0)
    low = position.floor().long().clamp_(max=source - 1)
    return low, (low + 1).clamp_(max=source - 1), position - low


def resize_rows(
    maps: Tensor, first: int, source: int, output: int, start: int, stop: int, scratch: Tensor | None = None
) -> Tensor:
    """Rows start..stop of `maps` resized from `source` to `output` rows, the width left as it is.

    `maps` (M,r,w) float32 holds the source rows from `first` on, at least those that `source_rows` names. The result
    may be put into `scratch`, of at least its number of values.
    Returns (M,stop-start,w), a part of `maps` where there is nothing to resize.
    """
    if source == output:
        return maps[:, start - first : stop - first]
    low, high, weight = taps(source, output, start, stop, maps.device)
    if maps.device.type != "cpu":
        return torch.lerp(maps[:, low - first], maps[:, high - first], weight[:, None])
    shape = (maps.shape[0], stop - start, maps.shape[2])
    resized = maps.new_empty(shape) if scratch is None else scratch[: math.prod(shape)].view(shape)
    for rows, above, below, share in _alike(low - first, high - first, weight, max(1, output // source)):
        torch.lerp(maps[:, above], maps[:, below], share, out=resized[:, rows])
    return resized


def _alike(low: Tensor, high: Tensor, weight: Tensor, step: int) -> Iterator[tuple[slice, slice, slice, float]]:
    """(rows, above, below, share): rows that are `step` apart, have one weight and follow each other in the source, to
    be made at once; where these do not, each row by itself.

    Slices read the source in place, which on a CPU takes a third of the time of gathering rows first.
    """
    for phase in range(min(step, len(low))):
        above, below, shares = (line[phase::step].tolist() for line in (low, high, weight))
        count = len(above)
        follow = all(lines == list(range(lines[0], lines[0] + count)) for lines in (above, below))
        length = count if follow and len(set(shares)) == 1 else 1
        for first in range(0, count, length):
            rows = slice(phase + first * step, phase + (first + length - 1) * step + 1, step)
            upper, lower = (slice(lines[first], lines[first] + length) for lines in (above, below))
            yield rows, upper, lower, shares[first]


def resize_columns(maps: Tensor, width: int) -> Tensor:
    """(M,r,w) -> (M,r,width), `maps` itself where there is nothing to resize."""
    if maps.shape[-1] == width:
        return maps
    count, rows, _ = maps.shape
    lines = maps.reshape(1, count * rows, maps.shape[-1])
    return interpolate(lines, size=width, mode="linear", align_corners=False).view(count, rows, width)


def output_bands(logits: Tensor, sizes: ImageSizes) -> Iterator[tuple[int, int, Tensor]]:
    """The output from top to bottom: `logits` (M,h,w) upsampled to the padded size, cropped, resized to the output.

    Yields (start, stop, band): rows start..stop (M,stop-start,output width) float32. A band is the caller's to change,
    and holds until the next one.
    """
    for block in _blocks(logits, sizes, sizes.output[1], _WIDE_CHUNKS):
        yield from _output_bands(logits[:, block.first : block.end], block, sizes)


def positive_bands(logits: Tensor, sizes: ImageSizes) -> Iterator[tuple[int, int, Tensor, Tensor]]:
    """The output from top to bottom without maps that have no value above zero near by, and none in the output.

    Yields (start, stop, which, band): the maps (P,) int64 that may have one in the rows start..stop, and these
    (P,stop-start,output width) float32, for at least one map. A band is as that of `output_bands`.
    """
    for block in _blocks(logits, sizes, sizes.output[1], 1):
        rows = logits[:, block.first : block.end]
        which = (rows.amax((1, 2)) > 0).nonzero().flatten()
        if len(which) > 0:
            for start, stop, band in _output_bands(rows if len(which) == len(rows) else rows[which], block, sizes):
                yield start, stop, which, band


def unpadded_bands(logits: Tensor, sizes: ImageSizes, maps: int) -> Iterator[tuple[int, int, int, Tensor]]:
    """The image from top to bottom: `logits` (M,h,w) upsampled to the padded size and cropped, in bands of which
    `maps` maps fill no more than a chunk either.

    Yields (start, stop, top, rows): the image's rows from `top` on that the rows start..stop of the output are made
    of, (M,r,image width) float32. They are the caller's to change, and hold until the next ones.
    """
    for block in _blocks(logits, sizes, sizes.unpadded[1], _WIDE_CHUNKS):
        yield from _bands(logits[:, block.first : block.end], block, sizes, sizes.unpadded[1], maps)


def resize_to_output(maps: Tensor, sizes: ImageSizes, top: int, start: int, stop: int) -> Tensor:
    """Rows start..stop of the output from `maps` (M,r,image width), the image's rows from `top` on.

    Returns (M,stop-start,output width), a part of `maps` where there is nothing to resize.
    """
    maps = resize_columns(maps, sizes.output[1])
    return resize_rows(maps, top, sizes.unpadded[0], sizes.output[0], start, stop)


def pixels(
    source: Size, output: Size, rows: Tensor, columns: Tensor, read: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """What `read` gives of a map of size `source`, resized to `output`, at the pixels (rows, columns) (P,) int64.

    `read(rows, columns)` gives (P,M) at pixels of the source; the result is (P,M).
    """
    if source == output:
        return read(rows, columns)
    (above, below, down), (left, right, across) = (
        [of_line[lines] for of_line in taps(old, new, 0, new, rows.device)]
        for old, new, lines in zip(source, output, (rows, columns), strict=True)
    )
    upper, lower = (torch.lerp(read(line, left), read(line, right), across[:, None]) for line in (above, below))
    return torch.lerp(upper, lower, down[:, None])


class _Block(NamedTuple):
    """Rows of the output whose source rows are widened together."""

    start: int
    stop: int
    first: int
    """The first row of the logits under it."""
    end: int
    height: int
    """Of the logits."""


def _blocks(logits: Tensor, sizes: ImageSizes, width: int, chunks: int) -> Iterator[_Block]:
    """Blocks from top to bottom whose source rows, widened on the way to `width`, fill about `chunks` chunks."""
    count, height, _ = logits.shape
    rows_per_row = min(1.0, height / sizes.padded[0]) * max(1.0, sizes.unpadded[0] / sizes.output[0])
    values = int(count * max(sizes.padded[1], width) * rows_per_row)
    for start, stop in row_chunks(sizes.output[0], values, logits.device, chunks):
        image = source_rows(sizes.unpadded[0], sizes.output[0], start, stop)
        yield _Block(start, stop, *source_rows(height, sizes.padded[0], *image), height)


def _output_bands(logits: Tensor, block: _Block, sizes: ImageSizes) -> Iterator[tuple[int, int, Tensor]]:
    for start, stop, top, rows in _bands(logits, block, sizes, sizes.output[1], len(logits)):
        yield start, stop, resize_rows(rows, top, sizes.unpadded[0], sizes.output[0], start, stop)


def _bands(
    logits: Tensor, block: _Block, sizes: ImageSizes, width: int, maps: int
) -> Iterator[tuple[int, int, int, Tensor]]:
    """(start, stop, top, rows): rows start..stop of the output, and the image's rows from `top` on that they are made
    of, (M,r,width) float32, the caller's to change. `logits` (M,r,w) are those of the block."""
    image, output = sizes.unpadded[0], sizes.output[0]
    wide = resize_columns(logits.detach().to(torch.float32, copy=True), sizes.padded[1])[..., : sizes.unpadded[1]]
    wide = resize_columns(wide, width)
    shared = block.height == sizes.padded[0] and image != output  # rows of `wide` itself, by neighbouring bands
    values = max(len(logits), maps) * max(sizes.padded[1], width) * max(1.0, image / output)
    scratch: Tensor | None = None
    for start, stop in row_chunks(block.stop - block.start, int(values), logits.device):
        start, stop = block.start + start, block.start + stop
        top, bottom = source_rows(image, output, start, stop)
        size = len(logits) * (bottom - top) * width
        if scratch is None or scratch.numel() < size:
            scratch = wide.new_empty(size)
        rows = resize_rows(wide, block.first, block.height, sizes.padded[0], top, bottom, scratch)
        yield start, stop, top, rows.clone() if shared else rows
