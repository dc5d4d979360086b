"""Weighted sums of bilinear samples of several maps.

B batch, S pixels of all maps, M heads, D width of a head, L maps, P points.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from segkit.types import Size
from segkit_mask2former.row_sums import row_sum_gradients, weighted_row_sums

BORDER = 2
"""Pixels of zeros around each map: a place outside and its right or lower neighbor."""


def sample(values: Tensor, places: Tensor, weights: Tensor, sizes: list[Size]) -> Tensor:
    """Sums bilinear samples of the values; outside of a map the values are 0.

    One sample is the sum of four pixels. So all samples of a query and head are one weighted sum of rows of a table.

    Args:
        values: (B,S,M,D).
        places: x and y in pixels of each map, (B,S,M,L,P,2) float32.
        weights: Of each place, (B,S,M,L,P) float32.
        sizes: (height, width) of each map.

    Returns:
        (B,S,M*D).

    Example:
        >>> values, weights = torch.tensor([2.0, 4.0]).view(1, 2, 1, 1), torch.ones(1, 1, 1, 1, 1)
        >>> sample(values, torch.tensor([0.5, 0.0]).view(1, 1, 1, 1, 1, 2), weights, [(1, 2)])  # between two pixels
        tensor([[[3.]]])
    """
    batch, length = places.shape[:2]
    # Sums in float32: half precision loses what many small weights add up to.
    table = _with_borders(values.float(), sizes).flatten(0, 2)  # (R, D)
    if table.device.type == "cpu" and not torch.compiler.is_exporting():
        sums: Tensor = Samples.apply(table, places, weights, sizes)
    else:
        sums = weighted_row_sums(table, _rows(places, sizes), _factors(places, weights))
    return sums.view(batch, length, -1).to(values.dtype)


class Samples(torch.autograd.Function):
    """(table (R,D), places, weights, sizes) -> sums (B*S*M,D).

    The backward pass makes rows and factors again: kept with what makes them, they take four times the memory.
    """

    @staticmethod
    def forward(table: Tensor, places: Tensor, weights: Tensor, sizes: list[Size]) -> Tensor:
        return weighted_row_sums(table, _rows(places, sizes), _factors(places, weights))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        *tensors, ctx.sizes = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        table, places, weights = ctx.saved_tensors
        rows, factors = _rows(places, ctx.sizes), _factors(places, weights)
        by_table, by_factors = row_sum_gradients(table, rows, factors, gradient)
        upper_left, upper_right, lower_left, lower_right = by_factors.view(*weights.shape, 4).unbind(-1)
        right, below = _fractions(places)
        upper_change, lower_change = upper_right - upper_left, lower_right - lower_left
        upper, lower = upper_left + right * upper_change, lower_left + right * lower_change
        by_x = weights * (upper_change + below * (lower_change - upper_change))
        by_y = weights * (lower - upper)
        return by_table, torch.stack([by_x, by_y], dim=-1), upper + below * (lower - upper), None


def _fractions(places: Tensor) -> tuple[Tensor, Tensor]:
    """Returns how far places lie to the right of and below the pixel at their upper left, (B,S,M,L,P) each."""
    right, below = (places - places.detach().floor()).unbind(-1)
    return right, below


def _rows(places: Tensor, sizes: list[Size]) -> Tensor:
    """Returns which rows of the table are the four pixels around each place, (B*S*M,L*P*4) int32."""
    batch, length, num_heads = places.shape[:3]
    device = places.device
    heights, widths = (numbers(sides, device)[:, None] + 2 * BORDER for sides in zip(*sizes, strict=True))
    # The last place whose right and lower neighbors are still in the border is 2 pixels before its end.
    extents = torch.stack([widths, heights], dim=-1) - 2
    x, y = (places.detach().floor() + BORDER).clamp(min=0).minimum(extents).int().unbind(-1)
    ends = (heights * widths).cumsum(0)
    starts = torch.cat([ends.new_zeros(1, 1), ends[:-1]])
    images = torch.arange(batch, device=device).view(-1, 1, 1, 1, 1) * ends[-1]
    heads = torch.arange(num_heads, device=device).view(-1, 1, 1)
    first = ((images + starts) * num_heads + heads).int() + (y * widths.int() + x) * num_heads
    steps = torch.stack([widths * 0, widths * 0 + 1, widths, widths + 1], dim=-1) * num_heads  # (L, 1, 4)
    return (first[..., None] + steps.int()).reshape(batch * length * num_heads, -1)


def _factors(places: Tensor, weights: Tensor) -> Tensor:
    """Returns the factors of these pixels, (B*S*M,L*P*4)."""
    right, below = _fractions(places)
    lower = weights * below
    upper = weights - lower
    upper_right, lower_right = upper * right, lower * right
    factors = torch.stack([upper - upper_right, upper_right, lower - lower_right, lower_right], dim=-1)
    return factors.flatten(0, 2).flatten(1)


def _with_borders(values: Tensor, sizes: list[Size]) -> Tensor:
    """Returns the pixels of all maps with zeros around each map: (B,S,M,D) -> (B,R,M,D).

    A sample next to a map, or far outside, then reads zeros in its border, and needs no test.
    """
    maps = values.split([height * width for height, width in sizes], dim=1)  # type: ignore[no-untyped-call]
    border = (0, 0, 0, 0, BORDER, BORDER, BORDER, BORDER)
    padded = [pad(one.unflatten(1, size), border).flatten(1, 2) for one, size in zip(maps, sizes, strict=True)]
    return torch.cat(padded, dim=1)


def numbers(values: Sequence[int], device: torch.device | str) -> Tensor:
    """Returns integers as a tensor (L,) int64. They may be symbolic, which `torch.tensor` would not keep.

    Example:
        >>> numbers([3, 5], "cpu")
        tensor([3, 5])
    """
    return torch.stack([torch.full((), value, dtype=torch.int64, device=device) for value in values])
