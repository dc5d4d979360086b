"""Bilinear resizing of logit maps, a few rows at a time, so that memory is bounded by a chunk and not by the picture.

Bilinear resizing is linear and acts on rows and columns separately. So any band of output rows is made from the few
source rows under it, and a chain of two resizings (map -> padded batch -> picture -> wanted size) does its work on rows
while the map is still narrow. The values are those of `torch.nn.functional.interpolate(mode="bilinear",
align_corners=False)`, without antialiasing, up to float rounding.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from segkit.types import ImageSizes

CPU_CHUNK = 1 << 20
"""Values per chunk on a CPU: 4 MiB of float32, about what stays in cache between two passes."""
GPU_CHUNK = 1 << 26
"""Values per chunk on an accelerator, where each launch costs more than a pass over memory."""


def row_chunks(height: int, values_per_row: int, device: torch.device) -> Iterator[tuple[int, int]]:
    """(start, stop) of bands of rows that cover 0..height, each holding about one chunk of values, at least one row."""
    budget = CPU_CHUNK if device.type == "cpu" else GPU_CHUNK
    rows = max(1, budget // max(1, values_per_row))
    for start in range(0, height, rows):
        yield start, min(start + rows, height)


def source_rows(source: int, output: int, start: int, stop: int) -> tuple[int, int]:
    """(first, end): the source rows that output rows start..stop of a resizing from `source` to `output` rows touch."""
    if source == output:
        return start, stop
    low, high, _ = _taps(source, output, start, stop, torch.device("cpu"))
    return int(low[0]), int(high[-1]) + 1


def _taps(source: int, output: int, start: int, stop: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """For output rows start..stop: the source rows above and below (int64), and the lower one's weight (float32)."""
    position = (torch.arange(start, stop, dtype=torch.float32, device=device) + 0.5) * (source / output) - 0.5
    position = position.clamp_(min=0)
    low = position.floor().long().clamp_(max=source - 1)
    return low, (low + 1).clamp_(max=source - 1), position - low


def resize_rows(maps: Tensor, first: int, source: int, output: int, start: int, stop: int) -> Tensor:
    """Rows start..stop of `maps` resized from `source` to `output` rows, the width left as it is.

    `maps` (M,r,w) float holds the source rows from `first` on, at least those that `source_rows` names.
    Returns (M,stop-start,w).
    """
    if source == output:
        return maps[:, start - first : stop - first]
    low, high, weight = _taps(source, output, start, stop, maps.device)
    return torch.lerp(maps[:, low - first], maps[:, high - first], weight[:, None])


def resize_columns(maps: Tensor, width: int) -> Tensor:
    """(M,r,w) -> (M,r,width)."""
    if maps.shape[-1] == width:
        return maps
    return interpolate(maps[None], size=(maps.shape[-2], width), mode="bilinear", align_corners=False)[0]


def picture_rows(logits: Tensor, sizes: ImageSizes, start: int, stop: int) -> Tensor:
    """Rows start..stop of the picture: `logits` (M,h,w) upsampled to the padded size, cropped to the picture.

    Returns (M,stop-start,picture width) float32.
    """
    first, end = source_rows(logits.shape[-2], sizes.padded[0], start, stop)
    rows = resize_rows(logits[:, first:end].float(), first, logits.shape[-2], sizes.padded[0], start, stop)
    return resize_columns(rows, sizes.padded[1])[..., : sizes.picture[1]]


def output_rows(logits: Tensor, sizes: ImageSizes, start: int, stop: int) -> Tensor:
    """Rows start..stop of the output: `logits` (M,h,w) upsampled to the padded size, cropped, resized to the output.

    Returns (M,stop-start,output width) float32.
    """
    height = logits.shape[-2]
    top, bottom = source_rows(sizes.picture[0], sizes.output[0], start, stop)
    first, end = source_rows(height, sizes.padded[0], top, bottom)
    rows = resize_rows(logits[:, first:end].float(), first, height, sizes.padded[0], top, bottom)
    rows = resize_rows(rows, top, sizes.picture[0], sizes.output[0], start, stop)
    return resize_columns(resize_columns(rows, sizes.padded[1])[..., : sizes.picture[1]], sizes.output[1])


def resize_to_output(maps: Tensor, sizes: ImageSizes, top: int, start: int, stop: int) -> Tensor:
    """Rows start..stop of the output from `maps` (M,r,picture width), the picture's rows from `top` on.

    Returns (M,stop-start,output width).
    """
    rows = resize_rows(maps, top, sizes.picture[0], sizes.output[0], start, stop)
    return resize_columns(rows, sizes.output[1])


def output_chunks(channels: int, sizes: ImageSizes, device: torch.device) -> Iterator[tuple[int, int]]:
    """Bands of output rows such that `channels` maps of a band, at the widest they get on the way, fill one chunk."""
    picture_rows_per_row = max(1.0, sizes.picture[0] / sizes.output[0])
    widest = max(sizes.padded[1], sizes.output[1])
    return row_chunks(sizes.output[0], int(channels * widest * picture_rows_per_row), device)
