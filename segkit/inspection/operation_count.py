"""How many floating-point operations convolutions, matrix products and attention take, as torch counts them."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

Shape = tuple[int, ...]


def _attention(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    """(B,heads,L,d) each: two products."""
    rows = query[0] * query[1] * query[2] * key[2]
    return 2 * rows * (query[3] + value[3])


def _attention_backward(_: Shape, query: Shape, key: Shape, value: Shape, *__: Any, **___: Any) -> int:
    """Of the scores anew, of the probabilities, and by query, key and value: five products."""
    rows = query[0] * query[1] * query[2] * key[2]
    return 2 * rows * (3 * query[3] + 2 * value[3])


_ON_CPU: dict[Any, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
}
"""Which torch up to 2.14 at least does not count."""


def counter() -> FlopCounterMode:
    """A context that counts what is done inside; see torch."""
    return FlopCounterMode(display=False, custom_mapping=_ON_CPU)
