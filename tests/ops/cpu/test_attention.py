"""Where two products replace fused attention."""

import pytest
import torch

from segkit.ops.cpu import attention
from segkit.ops.cpu.attention import fused_attention_is_slow, multiplies_bfloat16_in_vectors


@pytest.fixture(autouse=True)
def processor(monkeypatch):
    monkeypatch.setattr(attention, "multiplies_bfloat16_in_vectors", lambda: True)


@torch.no_grad()
def test_fused_attention_is_slow_in_bfloat16_where_products_are_fast(monkeypatch):
    tokens = torch.zeros(2, 8, 16)
    assert fused_attention_is_slow(tokens.bfloat16(), num_heads=4)
    assert not fused_attention_is_slow(tokens, num_heads=4)
    with torch.autocast("cpu", torch.bfloat16):
        assert fused_attention_is_slow(tokens, num_heads=4)
    with torch.autocast("cpu", torch.float16):
        assert not fused_attention_is_slow(tokens, num_heads=4)
    monkeypatch.setattr(attention, "multiplies_bfloat16_in_vectors", lambda: False)
    assert not fused_attention_is_slow(tokens.bfloat16(), num_heads=4)


def test_training_keeps_fused_attention():
    assert not fused_attention_is_slow(torch.zeros(2, 8, 16, dtype=torch.bfloat16), num_heads=4)


@torch.no_grad()
def test_many_logits_are_left_to_fused_attention(monkeypatch):
    tokens = torch.zeros(2, 8, 16, dtype=torch.bfloat16)
    monkeypatch.setattr(attention, "MOST_LOGITS", 2 * 4 * 8 * 8)
    assert fused_attention_is_slow(tokens, num_heads=4)
    assert not fused_attention_is_slow(tokens, num_heads=5)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("avx2 avx512f avx512_bf16 sha", True), ("avx512f avx512_bf16 amx_bf16 amx_tile", False), ("avx512f avx2", False)],
)
def test_which_processors_multiply_bfloat16_in_vectors(tmp_path, flags, expected):
    multiplies_bfloat16_in_vectors.cache_clear()
    cpuinfo = tmp_path / f"cpuinfo_{expected}_{len(flags)}"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: fpu {flags} mmx\n")
    assert multiplies_bfloat16_in_vectors(cpuinfo) is expected
    assert not multiplies_bfloat16_in_vectors(tmp_path / "missing")
