"""Counts the floating-point operations of convolutions, matrix products and attention, as torch counts them."""

from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

Shape = tuple[int, ...]


def counter() -> FlopCounterMode:
    """Returns a context that counts the operations inside it.

    Example:
        >>> with counter() as count:
        ...     _ = torch.ones(2, 3) @ torch.ones(3, 4)
        >>> count.get_total_flops()
        48
    """
    return FlopCounterMode(display=False, custom_mapping=_ON_CPU)


def _attention(query: Shape, key: Shape, value: Shape, *_: object, **__: object) -> int:
    """Counts two products of (B,heads,L,d) tensors: of query and key, and of the weights and value."""
    pairs = query[0] * query[1] * query[2] * key[2]
    return 2 * pairs * (query[3] + value[3])


def _attention_backward(_: Shape, query: Shape, key: Shape, value: Shape, *__: object, **___: object) -> int:
    """Counts five products: the weights computed again, their gradient, and those of query, key and value."""
    pairs = query[0] * query[1] * query[2] * key[2]
    return 2 * pairs * (3 * query[3] + 2 * value[3])


_ON_CPU: dict[object, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
}
"""Attention on a CPU, which torch does not count itself (up to version 2.14 at least)."""
