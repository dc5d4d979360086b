"""Interpolation between rows on a CPU, without copying the rows first."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor


def lerp_rows(
    maps: Tensor, above: Tensor, below: Tensor, weight: Tensor, period: int, scratch: Tensor | None = None
) -> Tensor:
    """Returns `torch.lerp(maps[:, above], maps[:, below], weight[:, None])`.

    Enlarging by a whole number makes every `period`-th output row of neighboring source rows with the same weight. On a
    CPU, these are made at once: slices read the source in place, where the plain line first gathers two copies of it.
    A band of 100 maps of 8 x 640 takes 0.20 ms in place of 0.67 ms (one core of an AMD EPYC).

    Args:
        maps: (M,r,w) float32.
        above, below: (R,) int64, the source rows that each output row lies between.
        weight: (R,) float32 in [0, 1], that of `below`.
        period: Output rows after which weights are expected to repeat; a wrong one costs time only.
        scratch: Memory for the result, used on a CPU alone; at least M*R*w values.

    Example:
        >>> maps = torch.tensor([[[0.0], [4.0]]])
        >>> lerp_rows(maps, torch.tensor([0, 0]), torch.tensor([1, 1]), torch.tensor([0.25, 0.75]), period=1).flatten()
        tensor([1., 3.])
    """
    if maps.device.type != "cpu":  # there, a launch for each group costs more than the copies
        return torch.lerp(maps[:, above], maps[:, below], weight[:, None])
    shape = (maps.shape[0], len(weight), maps.shape[2])
    output = maps.new_empty(shape) if scratch is None else scratch[: math.prod(shape)].view(shape)
    for rows, upper, lower, fraction in _groups(above, below, weight, period):
        torch.lerp(maps[:, upper], maps[:, lower], fraction, out=output[:, rows])
    return output


def _groups(above: Tensor, below: Tensor, weight: Tensor, period: int) -> Iterator[tuple[slice, slice, slice, float]]:
    """Yields output rows that can be made at once: (their slice, the slices above and below, the weight).

    These are rows `period` apart whose weights are equal and whose source rows follow each other. Where that does not
    hold, as at the border or when not enlarging by a whole number, each row is a group of its own.
    """
    for phase in range(min(period, len(weight))):
        uppers, lowers, weights = (line[phase::period].tolist() for line in (above, below, weight))
        count = len(weights)
        consecutive = all(lines == list(range(lines[0], lines[0] + count)) for lines in (uppers, lowers))
        length = count if consecutive and len(set(weights)) == 1 else 1
        for first in range(0, count, length):
            rows = slice(phase + first * period, phase + (first + length - 1) * period + 1, period)
            upper, lower = (slice(lines[first], lines[first] + length) for lines in (uppers, lowers))
            yield rows, upper, lower, weights[first]
