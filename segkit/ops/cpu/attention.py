"""Attention in bfloat16 at the full rate of processors on which the matrix library is slow.

There, torch's fused attention takes as long in bfloat16 as in float32, while plain products of tensors run by oneDNN at
the rate of bfloat16. For 6 heads of 64 channels and 1029 tokens, two products with a softmax between them take 0.43 of
the time of fused attention (8.6 and 20 ms). The logits between the products are rounded to bfloat16, as in every model
that computes attention in this way.
"""

import torch
from torch import Tensor

from segkit.ops.cpu.linear import matrix_library_is_slow

MOST_LOGITS = 1 << 26
"""Fused attention stores no logits. More than these, 128 MiB, are left to it."""


def fused_attention_is_slow(tokens: Tensor, num_heads: int) -> bool:
    """Tells whether self-attention of tokens (B,L,C) without a mask is faster as two products and a softmax.

    Training keeps what the products store, so it stays with fused attention.

    Example:
        >>> fused_attention_is_slow(torch.zeros(1, 4, 8), num_heads=2)  # in float32
        False
    """
    if torch.compiler.is_compiling() or torch.is_grad_enabled() or tokens.device.type != "cpu":
        return False
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else tokens.dtype
    batch, length, _ = tokens.shape
    few = batch * num_heads * length**2 <= MOST_LOGITS
    return dtype == torch.bfloat16 and few and matrix_library_is_slow()
