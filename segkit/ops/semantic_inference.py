"""Which class most queries vote for at each pixel, a query giving each class its probability times that of its mask.

Of a trained model few queries and few classes matter in one image. So, on a CPU, only these are looked at first. What
the votes left out may come to is bounded in each block of the mask map, and at most pixels it could not change the
winner. The other pixels, mostly at outlines, are counted anew with all votes. An accelerator has all votes sooner than
the answer to which are needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from segkit.ops import resizing
from segkit.ops.cpu.argmax import largest_
from segkit.ops.resizing import pixels as pixels_of
from segkit.ops.resizing import resize_to_output, taps, unpadded_bands
from segkit.types import ImageSizes

_WEAK = 0.1
"""A query whose class probabilities are all at most this is left out, as is a class to which no query gives more."""
_FEW = 0.5
"""A first look is taken where it counts at most this share of all votes."""
_ENOUGH = 0.5
"""And where it decides more than this share of the mask map's pixels."""
_FLOAT_NOISE = 1e-4
"""A lead must be larger than this, relative to the winner's votes: far beyond what rounding does."""
_BLOCK = 4
"""Side, in pixels of the mask map, of the blocks for which votes left out are bounded."""
_REACH = _BLOCK + 2
"""A pixel is made of at most three lines of the mask map either way, which begin in its block."""


def semantic_class_map(class_probs: Tensor, mask_logits: Tensor, sizes: ImageSizes) -> Tensor:
    """`class_probs` (Q,K) without no-object, `mask_logits` (Q,h,w) -> (H,W) int64 class at the output size.

    Votes are counted at the image's size, and the counts resized to the output size.
    """
    height, width = int(mask_logits.shape[1]), int(mask_logits.shape[2])
    enlarged = height <= sizes.padded[0] and width <= sizes.padded[1]
    look = _first_look(class_probs, mask_logits) if mask_logits.device.type == "cpu" and enlarged else None
    if look is None:
        by_class = class_probs.t().contiguous()  # (K, Q)
        return torch.cat([largest_(votes)[1] for _, votes in _bands(by_class, mask_logits, sizes)])
    rows, columns = (
        _first_line(*lines) // _BLOCK
        for lines in zip((height, width), sizes.padded, sizes.unpadded, sizes.output, strict=True)
    )
    left_out = look.left_out[:, :, columns]  # (2,n,W)
    label_map = torch.empty(sizes.output, dtype=torch.int64)
    unsure = torch.empty(sizes.output, dtype=torch.bool)
    for band, votes in _bands(look.by_class, mask_logits[look.queries], sizes):
        label_map[band], sure = look.winners(votes, left_out[:, rows[band]])
        torch.logical_not(sure, out=unsure[band])
    places = unsure.nonzero(as_tuple=True)
    label_map[places] = _classes_at(class_probs, mask_logits, sizes, *places)
    return label_map


def _first_line(height: int, padded: int, image: int, output: int) -> Tensor:
    """(output,) int64: the first line of the mask map that each line of the output is made of."""
    device = torch.device("cpu")
    return taps(height, padded, 0, padded, device)[0][taps(image, output, 0, output, device)[0]]


def _bands(by_class: Tensor, mask_logits: Tensor, sizes: ImageSizes) -> Iterator[tuple[slice, Tensor]]:
    """Rows of the output, from top to bottom, and their votes (K,rows,W), the caller's to change."""
    for start, stop, top, logits in unpadded_bands(mask_logits, sizes, len(by_class)):
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
    left_out: Tensor
    """(2,n,m): in each block, no class of `classes` gets more votes than the first from queries left out, and no class
    left out more than the second from all queries."""

    def winners(self, votes: Tensor, left_out: Tensor) -> tuple[Tensor, Tensor]:
        """`votes` (C,r,w) of a band, which is used up, and `left_out` (2,r,w) there -> the class (r,w) int64 that
        leads, and whether it wins."""
        ranked = votes.clone()
        best, index = largest_(ranked)
        second = votes.scatter_(0, index[None], 0.0).amax(0)
        rival = torch.maximum(second.add_(left_out[0]), left_out[1])
        return self.classes[index], best * (1 - _FLOAT_NOISE) > rival


def _first_look(class_probs: Tensor, mask_logits: Tensor) -> _FirstLook | None:
    """None where it would not be worth while."""
    strong = class_probs > _WEAK
    voting, expected = strong.any(1), strong.any(0)
    queries, classes = voting.nonzero().flatten(), expected.nonzero().flatten()
    if len(classes) == 0 or len(queries) * len(classes) > _FEW * class_probs.numel():
        return None
    logits = mask_logits.float()
    reach = _reach(logits).sigmoid_()
    of_others = class_probs.masked_fill(voting[:, None], 0.0)[:, classes]
    for_others = class_probs.masked_fill(expected, 0.0)
    left_out = torch.stack([_votes(votes.t(), reach).amax(0) for votes in (of_others, for_others)])
    look = _FirstLook(queries, classes, class_probs[queries][:, classes].t().contiguous(), left_out)
    rows, columns = (torch.arange(lines) // _BLOCK for lines in logits.shape[1:])
    _, sure = look.winners(_votes(look.by_class, logits[queries].sigmoid_()), left_out[:, rows][:, :, columns])
    return look if float(sure.float().mean()) > _ENOUGH else None


def _reach(logits: Tensor) -> Tensor:
    """(Q,h,w) -> (Q,n,m): the largest value of a block and of the lines behind it that its pixels are made of."""
    fill = [_REACH - _BLOCK + -int(lines) % _BLOCK for lines in logits.shape[1:]]
    filled = pad(logits, (0, fill[1], 0, fill[0]), value=-torch.inf)
    return filled.unfold(1, _REACH, _BLOCK).amax(-1).unfold(2, _REACH, _BLOCK).amax(-1)


def _classes_at(class_probs: Tensor, mask_logits: Tensor, sizes: ImageSizes, rows: Tensor, columns: Tensor) -> Tensor:
    """(P,) int64: the class with most votes of all at the pixels (rows, columns) (P,) int64 of the output."""
    maps = mask_logits.float().permute(1, 2, 0).contiguous()  # (h, w, Q): a pixel's values lie together
    step = max(1, resizing.CPU_CHUNK // max(class_probs.shape))
    classes = []
    for places in zip(torch.split(rows, step), torch.split(columns, step), strict=True):
        mask_probs = pixels_of(sizes.unpadded, sizes.output, *places, lambda r, c: _probs_at(maps, sizes, r, c))
        classes.append((mask_probs @ class_probs).argmax(1))
    return torch.cat(classes)


def _probs_at(maps: Tensor, sizes: ImageSizes, rows: Tensor, columns: Tensor) -> Tensor:
    """(h,w,Q) logits -> (P,Q) probabilities at pixels of the image."""
    size = (int(maps.shape[0]), int(maps.shape[1]))
    return pixels_of(size, sizes.padded, rows, columns, lambda r, c: maps[r, c]).sigmoid_()
