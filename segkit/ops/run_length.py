"""Masks as COCO's compressed run lengths, boxes and areas.

An `Rle` is what pycocotools makes and reads: runs in column-major order, packed into bytes. In memory it takes about as
much as the mask's outline, so that results of many pictures can be held.
"""

from typing import TypedDict

import numpy as np
import torch
from pycocotools import mask as coco_mask
from torch import Tensor


class Rle(TypedDict):
    """COCO's compressed run lengths of one mask."""

    size: list[int]
    """[height, width]."""
    counts: bytes | str
    """`bytes` as pycocotools makes it; `str` of the same characters in JSON. It reads both."""


def encode_masks(masks: Tensor) -> list[Rle]:
    """(N,H,W) bool or 0/1 integers -> N run lengths with `bytes` counts."""
    if masks.shape[0] == 0:
        return []
    columns = masks.detach().to(torch.uint8).cpu().transpose(1, 2).contiguous()  # (N,W,H): column-major (H,W,N)
    rles: list[Rle] = coco_mask.encode(columns.numpy().transpose(2, 1, 0))
    return rles


def decode_masks(rles: list[Rle], size: tuple[int, int]) -> Tensor:
    """N run lengths of masks of `size` (height, width) -> (N,H,W) bool, also where N is 0."""
    if not rles:
        return torch.zeros(0, *size, dtype=torch.bool)
    return torch.from_numpy(np.ascontiguousarray(coco_mask.decode(rles).transpose(2, 0, 1))).bool()


def rle_to_json(rle: Rle) -> Rle:
    """The same with `str` counts, as JSON needs them."""
    counts = rle["counts"]
    return {"size": list(rle["size"]), "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts}


def rle_areas(rles: list[Rle]) -> list[int]:
    """Pixels of each mask."""
    return [int(area) for area in coco_mask.area(rles)] if rles else []


def boxes_of(masks: Tensor) -> Tensor:
    """(N,H,W) bool -> (N,4) int64 boxes x1, y1, x2, y2 in pixels; x2 and y2 lie behind the last pixel, so that x2 - x1
    is the width. An empty mask gives zeros."""
    columns, rows = masks.any(1), masks.any(2)  # (N,W), (N,H)
    x1, x2 = _extent(columns)
    y1, y2 = _extent(rows)
    return torch.stack([x1, y1, x2, y2], 1)


def _extent(line: Tensor) -> tuple[Tensor, Tensor]:
    """(N,L) bool -> first True index and the one behind the last, (N,) int64 each; 0 and 0 where there is none."""
    count, length = line.shape
    if count == 0 or length == 0:
        return line.new_zeros(count, dtype=torch.int64), line.new_zeros(count, dtype=torch.int64)
    flags = line.to(torch.uint8)
    first = flags.argmax(1)
    end = length - flags.flip(1).argmax(1)
    return first, torch.where(line.any(1), end, 0)


def box_to_xywh(box: Tensor) -> list[int]:
    """(4,) x1, y1, x2, y2 -> COCO's [x, y, width, height]."""
    x1, y1, x2, y2 = (int(value) for value in box)
    return [x1, y1, x2 - x1, y2 - y1]
