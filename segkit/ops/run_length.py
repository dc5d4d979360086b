"""Masks as COCO's compressed run lengths; their boxes and areas.

An `Rle` is what pycocotools writes and reads: runs in column-major order, packed into bytes. It takes about as much
memory as the outline of the mask, so that results of many images can be kept.
"""

from typing import TypedDict

import numpy as np
import numpy.typing as npt
import torch
from pycocotools import mask as coco_mask
from torch import Tensor

from segkit.errors import DataError, counted
from segkit.ops.runs import run_lengths, run_starts

_LONGEST_NUMBER = 7
"""Characters of a 32-bit number, in which pycocotools holds a run: 5 bits in each character."""


class Rle(TypedDict):
    """COCO's compressed run lengths of one mask."""

    size: list[int]
    """[height, width]."""
    counts: bytes | str
    """`bytes` as pycocotools writes it, or `str` of the same characters in JSON. pycocotools reads both."""


def encode_masks(masks: Tensor) -> list[Rle]:
    """Encodes masks (N,H,W), bool or integers 0 and 1, as N run lengths with `bytes` counts.

    Example:
        >>> masks = torch.tensor([[[True, False], [True, True]]])
        >>> encode_masks(masks)
        [{'size': [2, 2], 'counts': b'021O'}]
        >>> torch.equal(decode_masks(encode_masks(masks), (2, 2)), masks)
        True
    """
    # numpy finds the runs in a third of the time that pycocotools takes to walk over the pixels; it only packs them.
    height, width = int(masks.shape[1]), int(masks.shape[2])
    columns = masks.detach().to(torch.bool).cpu().transpose(1, 2).contiguous().flatten(1).numpy()  # (N,W*H)
    runs = [{"size": [height, width], "counts": _runs(column)} for column in columns]
    rles: list[Rle] = coco_mask.frPyObjects(runs, height, width) if runs else []
    return rles


def encode_crop(mask: npt.NDArray[np.bool_], top: int, left: int, size: tuple[int, int]) -> Rle:
    """Encodes the mask of an image of `size` (height, width) from the part (h,w) at (top, left) that has its pixels.

    Example:
        >>> encode_crop(np.array([[True, True]]), top=1, left=0, size=(2, 2))
        {'size': [2, 2], 'counts': b'1110'}
    """
    height, width = size
    steps = np.diff(np.pad(mask.T.astype(np.int8), ((0, 0), (1, 1))), axis=1)  # (w,h+1)
    columns, rows = np.nonzero(steps == 1)
    starts = (columns + left) * height + rows + top
    columns, rows = np.nonzero(steps == -1)
    ends = (columns + left) * height + rows + top
    apart = starts[1:] != ends[:-1]  # a run that ends with its column goes on in the next one
    starts, ends = starts[np.append(True, apart)[: len(starts)]], ends[np.append(apart, True)[: len(ends)]]
    borders = np.stack([starts, ends], 1).ravel()
    runs = np.diff(borders, prepend=0, append=height * width)
    runs = runs[:-1] if len(runs) > 1 and runs[-1] == 0 else runs
    rles: list[Rle] = coco_mask.frPyObjects([{"size": [height, width], "counts": runs}], height, width)
    return rles[0]


def _runs(values: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Returns the lengths (R,) of the runs of (P,) values: False and True in turn, False first, perhaps of length 0."""
    lengths = run_lengths(run_starts(values), len(values))
    return np.append(0, lengths) if values[:1].any() else lengths


def decode_masks(rles: list[Rle], size: tuple[int, int]) -> Tensor:
    """Decodes N run lengths of masks of `size` (height, width) to (N,H,W) bool. N may be 0.

    Raises:
        DataError: Runs do not fill a mask of that size. pycocotools would leave pixels uninitialized.

    Example:
        >>> decode_masks([{"size": [2, 2], "counts": "021O"}], (2, 2)).int().tolist()
        [[[1, 0], [1, 1]]]
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
            f"from one release, or encode the mask again."
        )
    runs = unpacked_runs(rle["counts"])
    if runs is None or (runs < 0).any() or runs.sum() != size[0] * size[1]:
        found = "cannot be read" if runs is None else f"add up to {counted(int(runs.sum()), 'pixel')}"
        if runs is not None and (runs < 0).any():
            found = f"have a run of {runs.min()} pixels"
        raise DataError(
            f"{where}: the counts {found}, but a mask of {size[0]} x {size[1]} (height, width) has "
            f"{size[0] * size[1]}. They are cut off or of another mask: encode it again."
        )


def unpacked_runs(counts: bytes | str) -> npt.NDArray[np.int64] | None:
    """Unpacks COCO's compressed counts to run lengths (R,) int64. Returns None where they are malformed.

    A number is packed into characters of 5 bits, the lowest first, as offsets from "0"; a sixth bit is set if more
    follow. From the fourth run on, a number is the difference from the run before the last, and may be negative.

    Example:
        >>> unpacked_runs(encode_masks(torch.tensor([[[True, False], [True, True]]]))[0]["counts"])
        array([0, 2, 1, 1])
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
    """Returns `rle` with `str` counts, as JSON needs them.

    Example:
        >>> rle_to_json({"size": [2, 2], "counts": b"021O"})
        {'size': [2, 2], 'counts': '021O'}
    """
    counts = rle["counts"]
    return {"size": list(rle["size"]), "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts}


def rle_areas(rles: list[Rle]) -> list[int]:
    """Returns the number of pixels of each mask.

    Example:
        >>> rle_areas(encode_masks(torch.tensor([[[True, False], [True, True]]])))
        [3]
    """
    return [int(area) for area in coco_mask.area(rles)] if rles else []
