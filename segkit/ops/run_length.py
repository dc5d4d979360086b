"""Masks as COCO's compressed run lengths, boxes and areas.

An `Rle` is what pycocotools makes and reads: runs in column-major order, packed into bytes. In memory it takes about as
much as the mask's outline, so that results of many images can be held.
"""

from typing import TypedDict

import numpy as np
import numpy.typing as npt
import torch
from pycocotools import mask as coco_mask
from torch import Tensor

from segkit.errors import DataError
from segkit.ops.runs import run_lengths, run_starts

_LONGEST_NUMBER = 7
"""Characters of a number of 32 bits, the largest that a run is held in."""


class Rle(TypedDict):
    """COCO's compressed run lengths of one mask."""

    size: list[int]
    """[height, width]."""
    counts: bytes | str
    """`bytes` as pycocotools makes it; `str` of the same characters in JSON. It reads both."""


def encode_masks(masks: Tensor) -> list[Rle]:
    """(N,H,W) bool or 0/1 integers -> N run lengths with `bytes` counts.

    Where runs end is found here, in a third of the time pycocotools takes to walk over the pixels; it packs them.
    """
    height, width = int(masks.shape[1]), int(masks.shape[2])
    columns = masks.detach().to(torch.bool).cpu().transpose(1, 2).contiguous().flatten(1).numpy()  # (N,W*H)
    runs = [{"size": [height, width], "counts": _runs(column)} for column in columns]
    rles: list[Rle] = coco_mask.frPyObjects(runs, height, width) if runs else []
    return rles


def _runs(values: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """(P,) -> (R,): the lengths of runs of False and True in turn, the first one of False and perhaps 0."""
    lengths = run_lengths(run_starts(values), len(values))
    return np.append(0, lengths) if values[:1].any() else lengths


def decode_masks(rles: list[Rle], size: tuple[int, int]) -> Tensor:
    """N run lengths of masks of `size` (height, width) -> (N,H,W) bool, also where N is 0.

    Raises DataError where runs do not fill a mask of that size: pycocotools would make a mask of chance of them.
    """
    for number, rle in enumerate(rles):
        _check_runs(rle, size, f"run lengths {number + 1} of {len(rles)}")
    if not rles:
        return torch.zeros(0, *size, dtype=torch.bool)
    return torch.from_numpy(np.ascontiguousarray(coco_mask.decode(rles).transpose(2, 0, 1))).bool()


def _check_runs(rle: Rle, size: tuple[int, int], where: str) -> None:
    if list(rle["size"]) != list(size):
        raise DataError(
            f"{where}: they are of size {list(rle['size'])}, but the mask is {list(size)} (height, width). Take both "
            f"from one release, or encode the mask anew."
        )
    runs = unpacked_runs(rle["counts"])
    if runs is None or (runs < 0).any() or runs.sum() != size[0] * size[1]:
        found = "cannot be read" if runs is None else f"add up to {runs.sum()} pixels"
        if runs is not None and (runs < 0).any():
            found = f"have a run of {runs.min()} pixels"
        raise DataError(
            f"{where}: the counts {found}, but a mask of {size[0]} x {size[1]} (height, width) has "
            f"{size[0] * size[1]}. They are cut off or of another mask: encode it anew."
        )


def unpacked_runs(counts: bytes | str) -> npt.NDArray[np.int64] | None:
    """(R,) int64: the runs of COCO's compressed form, None where it is broken.

    A number is 5 bits a character from "0" on, the lowest first, a sixth bit saying that more follow; from the fourth
    run on it is the difference from the run before the last.
    """
    packed = counts.encode("utf-8") if isinstance(counts, str) else counts
    codes = np.frombuffer(packed, dtype=np.uint8).astype(np.int64) - ord("0")
    ends = np.flatnonzero(codes & 32 == 0)
    if ((codes < 0) | (codes > 63)).any() or len(ends) == 0 or ends[-1] != len(codes) - 1:
        return None
    lengths = np.diff(ends, prepend=-1)
    if lengths.max() > _LONGEST_NUMBER:
        return None
    starts = ends - lengths + 1
    digit = np.arange(len(codes)) - np.repeat(starts, lengths)
    runs: npt.NDArray[np.int64] = np.add.reduceat((codes & 31) << (5 * digit), starts)
    runs -= np.where(codes[ends] & 16, 1 << (5 * lengths), 0)  # the highest bit is the sign
    runs[1::2], runs[2::2] = runs[1::2].cumsum(), runs[2::2].cumsum()
    return runs


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
