"""Which class most queries vote for at each pixel, a query giving each class its probability times that of its mask.

Of a trained model few queries and few classes matter in one picture. So, on a CPU, only these are looked at first: at
most pixels no vote that was left out could change the winner. The other pixels, mostly at outlines, are counted anew
with all votes. An accelerator has all votes sooner than the answer to which are needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from segkit.ops import resizing
from segkit.ops.argmax import largest_
from segkit.ops.resizing import picture_bands, resize_to_output
from segkit.ops.resizing import pixels as pixels_of
from segkit.types import ImageSizes

_LEFT_OUT = 0.3
"""Bound of the votes that queries left out may give to one class, and of all that a class left out may get."""
_FEW = 0.5
"""A first look is taken where it counts at most this share of all votes."""
_ENOUGH = 0.5
"""And where it decides more than this share of the mask map's pixels."""
_FLOAT_NOISE = 1e-4
"""A lead must be larger than this, relative to the winner's votes: far beyond what rounding does."""


def classes_by_votes(class_probs: Tensor, mask_logits: Tensor, sizes: ImageSizes) -> Tensor:
    """`class_probs` (Q,K) without no-object, `mask_logits` (Q,h,w) -> (H,W) int64 class at the output size.

    Votes are counted at the picture's size, and the counts resized to the output size.
    """
    look = _first_look(class_probs, mask_logits) if mask_logits.device.type == "cpu" else None
    if look is None:
        by_class = class_probs.t().contiguous()  # (K, Q)
        return torch.cat([largest_(votes)[1] for _, votes in _bands(by_class, mask_logits, sizes)])
    label_map = torch.empty(sizes.output, dtype=torch.int64)
    unsure = torch.empty(sizes.output, dtype=torch.bool)
    for band, votes in _bands(look.by_class, mask_logits[look.queries], sizes):
        label_map[band], sure = look.winners(votes)
        torch.logical_not(sure, out=unsure[band])
    rows, columns = unsure.nonzero(as_tuple=True)
    label_map[rows, columns] = _classes_at(class_probs, mask_logits, sizes, rows, columns)
    return label_map


def _bands(by_class: Tensor, mask_logits: Tensor, sizes: ImageSizes) -> Iterator[tuple[slice, Tensor]]:
    """Rows of the output, from top to bottom, and their votes (K,rows,W), the caller's to change."""
    for start, stop, top, logits in picture_bands(mask_logits, sizes, len(by_class)):
        yield slice(start, stop), resize_to_output(_votes(by_class, logits.sigmoid_()), sizes, top, start, stop)


def _votes(by_class: Tensor, mask_probs: Tensor) -> Tensor:
    """(K,Q) and (Q,r,w) -> (K,r,w)."""
    return (by_class @ mask_probs.flatten(1)).view(-1, *mask_probs.shape[1:])


@dataclass
class _FirstLook:
    queries: Tensor
    """(S,) int64: those that may vote."""
    classes: Tensor
    """(C,) int64, rising: those that may be voted for."""
    by_class: Tensor
    """(C,S): the class probabilities of these."""
    more: float
    """No class of `classes` gets more votes than this from queries left out."""
    others: float
    """No class left out gets more votes than this from all queries."""

    def winners(self, votes: Tensor) -> tuple[Tensor, Tensor]:
        """`votes` (C,r,w) of a band, which is used up -> the class (r,w) int64 that leads, and whether it wins."""
        ranked = votes.clone()
        best, index = largest_(ranked)
        second = votes.scatter_(0, index[None], 0.0).amax(0)
        rival = second.add_(self.more).clamp_(min=self.others)
        return self.classes[index], best * (1 - _FLOAT_NOISE) > rival


def _first_look(class_probs: Tensor, mask_logits: Tensor) -> _FirstLook | None:
    """None where it would not be worth while."""
    weakest_first = class_probs.amax(1).argsort()
    of_weakest = class_probs[weakest_first].cumsum(0).amax(1)  # (Q,): the votes a class can get of so many
    queries = weakest_first[of_weakest > _LEFT_OUT].sort().values
    total = class_probs.sum(0)  # (K,)
    expected = total > _LEFT_OUT
    classes = expected.nonzero().flatten()
    if len(classes) == 0 or len(queries) * len(classes) > _FEW * class_probs.numel():
        return None
    by_class = class_probs[queries][:, classes].t().contiguous()
    more = float((total[classes] - by_class.sum(1)).amax())
    look = _FirstLook(queries, classes, by_class, more, float(total.masked_fill(expected, 0.0).amax()))
    _, sure = look.winners(_votes(by_class, mask_logits[queries].float().sigmoid_()))
    return look if float(sure.float().mean()) > _ENOUGH else None


def _classes_at(class_probs: Tensor, mask_logits: Tensor, sizes: ImageSizes, rows: Tensor, columns: Tensor) -> Tensor:
    """(P,) int64: the class with most votes of all at the pixels (rows, columns) (P,) int64 of the output."""
    maps = mask_logits.float().permute(1, 2, 0).contiguous()  # (h, w, Q): a pixel's values lie together
    step = max(1, resizing.CPU_CHUNK // max(class_probs.shape))
    classes = []
    for places in zip(torch.split(rows, step), torch.split(columns, step), strict=True):
        mask_probs = pixels_of(sizes.picture, sizes.output, *places, lambda r, c: _probs_at(maps, sizes, r, c))
        classes.append((mask_probs @ class_probs).argmax(1))
    return torch.cat(classes)


def _probs_at(maps: Tensor, sizes: ImageSizes, rows: Tensor, columns: Tensor) -> Tensor:
    """(h,w,Q) logits -> (P,Q) probabilities at pixels of the picture."""
    size = (int(maps.shape[0]), int(maps.shape[1]))
    return pixels_of(size, sizes.padded, rows, columns, lambda r, c: maps[r, c]).sigmoid_()
