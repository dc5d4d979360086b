"""Attention in bfloat16 at the full rate of processors that multiply such numbers in vectors.

There, torch's fused attention takes as long in bfloat16 as in float32, while plain products of tensors run by oneDNN at
the rate of bfloat16. For 6 heads of 64 channels and 1029 tokens, two products with a softmax between them take 0.43 of
the time of fused attention on an AMD EPYC of the Zen 5 generation and 0.68 on one of Zen 4, with two threads. The
logits between the products are rounded to bfloat16, as in every model that computes attention in this way. Processors
that multiply them in tiles (AMX) have a fused attention for that.
"""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from segkit.ops.cpu.processor import CPUINFO, description

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
    return dtype == torch.bfloat16 and few and multiplies_bfloat16_in_vectors()


@cache
def multiplies_bfloat16_in_vectors(cpuinfo: Path = CPUINFO) -> bool:
    """Tells whether this processor has vector instructions for products in bfloat16, and none of tiles.

    Args:
        cpuinfo: Linux's description of the processor; where it is missing, the answer is no.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    words = set(description(cpuinfo).split())
    return "avx512_bf16" in words and "amx_bf16" not in words
