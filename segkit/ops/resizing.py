"""Bilinear resizing of logit maps in bands of rows, so that memory is bounded by a chunk and not by the image.

Bilinear resizing is linear and acts on rows and columns separately. So a band of output rows needs only the few source
rows under it, and a chain of two resizings (mask map -> padded batch -> crop -> output) can widen these few rows before
it makes many of them. The values are those of `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`,
without antialiasing, up to float rounding.

M maps (of queries or classes) · h, w their size · H, W the output size · r rows of a band.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from segkit.ops.cpu.resizing import lerp_rows
from segkit.types import ImageSizes, Size

CPU_CHUNK = 1 << 19
"""Values per chunk on a CPU: 2 MiB of float32, which stay in cache from one pass to the next."""
GPU_CHUNK = 1 << 25
"""Values per chunk on a GPU: 128 MiB, since each kernel launch costs more than a pass over memory."""
_WIDE_CHUNKS = 4
"""Chunks of widened source rows held at once. Several, since neighboring blocks both widen the rows at their border."""


def row_chunks(height: int, values_per_row: int, device: torch.device, chunks: int = 1) -> Iterator[tuple[int, int]]:
    """Yields (start, stop) of bands that cover the rows 0..height.

    Args:
        height: Number of rows.
        values_per_row: Of all maps together.
        device: Decides how large a chunk is.
        chunks: How many chunks of values a band may hold; it has at least one row.

    Example:
        >>> list(row_chunks(5, CPU_CHUNK // 2, torch.device("cpu")))
        [(0, 2), (2, 4), (4, 5)]
    """
    budget = chunks * (CPU_CHUNK if device.type == "cpu" else GPU_CHUNK)
    rows = max(1, budget // max(1, values_per_row))
    for start in range(0, height, rows):
        yield start, min(start + rows, height)


def source_rows(source: int, output: int, start: int, stop: int) -> tuple[int, int]:
    """Returns (first, end): the source rows that output rows start..stop of a resizing are made of.

    Example:
        >>> source_rows(source=8, output=32, start=0, stop=4)
        (0, 2)
    """
    low, high, _ = taps(source, output, start, stop, torch.device("cpu"))
    return int(low[0]), int(high[-1]) + 1


def taps(source: int, output: int, start: int, stop: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Returns, for output rows start..stop, the source rows above and below (int64) and the weight of the lower one.

    Example:
        >>> taps(2, 4, 0, 4, torch.device("cpu"))
        (tensor([0, 0, 0, 1]), tensor([1, 1, 1, 1]), tensor([0.0000, 0.2500, 0.7500, 0.2500]))
    """
    rows = torch.arange(start, stop, dtype=torch.float32, device=device)
    if source == output:
        return rows.long(), rows.long(), torch.zeros_like(rows)
    # Centers of pixels coincide (align_corners=False); what lies before the first center repeats the first row.
    position = ((rows + 0.5) * (source / output) - 0.5).clamp_(min=0)
    low = position.floor().long().clamp_(max=source - 1)
    return low, (low + 1).clamp_(max=source - 1), position - low


def resize_rows(
    maps: Tensor, first: int, source: int, output: int, start: int, stop: int, scratch: Tensor | None = None
) -> Tensor:
    """Resizes the height of `maps` from `source` to `output` rows and returns rows start..stop of the result.

    Args:
        maps: (M,r,w) float32, source rows from `first` on, at least those of `source_rows`.
        first: The source row that `maps` begins with.
        source, output: Heights before and after.
        start, stop: The wanted rows.
        scratch: Memory that the result may be put into, of at least its number of values.

    Returns:
        (M,stop-start,w), a view of `maps` where there is nothing to resize.

    Example:
        >>> resize_rows(torch.tensor([[[0.0], [4.0]]]), first=0, source=2, output=4, start=1, stop=3).flatten()
        tensor([1., 3.])
    """
    if source == output:
        return maps[:, start - first : stop - first]
    low, high, weight = taps(source, output, start, stop, maps.device)
    return lerp_rows(maps, low - first, high - first, weight, max(1, output // source), scratch)


def resize_columns(maps: Tensor, width: int) -> Tensor:
    """Resizes (M,r,w) to (M,r,width); returns `maps` itself where there is nothing to resize.

    Example:
        >>> resize_columns(torch.tensor([[[0.0, 4.0]]]), 4)
        tensor([[[0., 1., 3., 4.]]])
    """
    if maps.shape[-1] == width:
        return maps
    count, rows, _ = maps.shape
    lines = maps.reshape(1, count * rows, maps.shape[-1])  # one channel per line, for one-dimensional interpolation
    return interpolate(lines, size=width, mode="linear", align_corners=False).view(count, rows, width)


def output_bands(logits: Tensor, sizes: ImageSizes) -> Iterator[tuple[int, int, Tensor]]:
    """Upsamples `logits` (M,h,w) to the padded size, crops, resizes to the output size; yields it from top to bottom.

    Yields:
        (start, stop, band): rows start..stop of the output as (M,stop-start,W) float32. The caller may change the band
        in place; it is valid until the next one.

    Example:
        >>> sizes = ImageSizes(padded=(8, 8), unpadded=(8, 6), output=(4, 3))
        >>> [band.shape for _, _, band in output_bands(torch.zeros(5, 2, 2), sizes)]
        [torch.Size([5, 4, 3])]
    """
    for block in _blocks(logits, sizes, sizes.output[1], _WIDE_CHUNKS):
        yield from _output_bands(logits[:, block.first : block.end], block, sizes)


def positive_bands(logits: Tensor, sizes: ImageSizes) -> Iterator[tuple[int, int, Tensor, Tensor]]:
    """As `output_bands`, but leaves out maps that have no value above zero in a band.

    Yields:
        (start, stop, which, band): the maps (P,) int64 that may have a value above zero in rows start..stop, and these
        (P,stop-start,W) float32. Bands without any such map are left out.

    Example:
        >>> logits = torch.tensor([[[-1.0]], [[1.0]]])
        >>> [which.tolist() for _, _, which, _ in positive_bands(logits, ImageSizes((4, 4), (4, 4), (4, 4)))]
        [[1]]
    """
    for block in _blocks(logits, sizes, sizes.output[1], 1):
        rows = logits[:, block.first : block.end]
        # Interpolated values are never above the largest source value.
        which = (rows.amax((1, 2)) > 0).nonzero().flatten()
        if len(which) > 0:
            for start, stop, band in _output_bands(rows if len(which) == len(rows) else rows[which], block, sizes):
                yield start, stop, which, band


def unpadded_bands(logits: Tensor, sizes: ImageSizes, maps: int) -> Iterator[tuple[int, int, int, Tensor]]:
    """Upsamples `logits` (M,h,w) to the padded size and crops; yields the image's rows that output rows are made of.

    What is computed of these rows (at most `maps` maps) goes to the output by `resize_to_output`.

    Yields:
        (start, stop, top, rows): the image's rows from `top` on that rows start..stop of the output are made of, as
        (M,r,unpadded width) float32. The caller may change them in place; they are valid until the next ones.

    Example:
        >>> sizes = ImageSizes(padded=(8, 8), unpadded=(8, 6), output=(16, 12))
        >>> [(start, stop, rows.shape) for start, stop, _, rows in unpadded_bands(torch.zeros(5, 2, 2), sizes, maps=5)]
        [(0, 16, torch.Size([5, 8, 6]))]
    """
    for block in _blocks(logits, sizes, sizes.unpadded[1], _WIDE_CHUNKS):
        yield from _bands(logits[:, block.first : block.end], block, sizes, sizes.unpadded[1], maps)


def resize_to_output(maps: Tensor, sizes: ImageSizes, top: int, start: int, stop: int) -> Tensor:
    """Returns rows start..stop of the output (M,stop-start,W) of `maps` (M,r,unpadded width), rows from `top` on.

    The result is a view of `maps` where there is nothing to resize.

    Example:
        >>> sizes = ImageSizes(padded=(8, 8), unpadded=(8, 6), output=(16, 12))
        >>> resize_to_output(torch.zeros(5, 8, 6), sizes, top=0, start=0, stop=16).shape
        torch.Size([5, 16, 12])
    """
    maps = resize_columns(maps, sizes.output[1])
    return resize_rows(maps, top, sizes.unpadded[0], sizes.output[0], start, stop)


def pixels(
    source: Size, output: Size, rows: Tensor, columns: Tensor, read: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Returns single pixels (P,M) of maps resized from `source` to `output`.

    Args:
        source, output: Sizes before and after.
        rows, columns: (P,) int64, the wanted pixels of the output.
        read: Gives (P,M) at pixels (rows, columns) of the source.

    Example:
        >>> maps = torch.tensor([[[0.0, 4.0]]])  # (M, h, w)
        >>> pixels((1, 2), (1, 4), torch.tensor([0]), torch.tensor([2]), lambda r, c: maps[:, r, c].t())
        tensor([[3.]])
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
    """The row behind the last one."""
    height: int
    """Of the logits."""


def _blocks(logits: Tensor, sizes: ImageSizes, width: int, chunks: int) -> Iterator[_Block]:
    """Yields blocks from top to bottom whose source rows, widened on the way to `width`, fill about `chunks` chunks."""
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
    """Yields (start, stop, top, rows) of a block, its `logits` being (M,r,w).

    `rows` (M,r,width) float32 are the image's rows from `top` on that rows start..stop of the output are made of.
    """
    image, output = sizes.unpadded[0], sizes.output[0]
    wide = resize_columns(logits.detach().to(torch.float32, copy=True), sizes.padded[1])[..., : sizes.unpadded[1]]
    wide = resize_columns(wide, width)
    # Then bands are views of `wide`, and neighboring ones share rows that the caller may change.
    shared = block.height == sizes.padded[0] and image != output
    values = max(len(logits), maps) * max(sizes.padded[1], width) * max(1.0, image / output)
    scratch: Tensor | None = None
    for start, stop in row_chunks(block.stop - block.start, int(values), logits.device):
        start, stop = block.start + start, block.start + stop
        top, bottom = source_rows(image, output, start, stop)
        size = len(logits) * (bottom - top) * width
        if scratch is None or scratch.numel() < size:  # bands of one block reuse the memory
            scratch = wide.new_empty(size)
        rows = resize_rows(wide, block.first, block.height, sizes.padded[0], top, bottom, scratch)
        yield start, stop, top, rows.clone() if shared else rows
