"""Where two products replace fused attention."""

import pytest
import torch

from segkit.ops.cpu import attention
from segkit.ops.cpu.attention import fused_attention_is_slow


@pytest.fixture(autouse=True)
def slow_matrix_library(monkeypatch):
    monkeypatch.setattr(attention, "matrix_library_is_slow", lambda: True)


@torch.no_grad()
def test_fused_attention_is_slow_in_bfloat16_on_a_slow_matrix_library(monkeypatch):
    tokens = torch.zeros(2, 8, 16)
    assert fused_attention_is_slow(tokens.bfloat16(), num_heads=4)
    assert not fused_attention_is_slow(tokens, num_heads=4)
    with torch.autocast("cpu", torch.bfloat16):
        assert fused_attention_is_slow(tokens, num_heads=4)
    with torch.autocast("cpu", torch.float16):
        assert not fused_attention_is_slow(tokens, num_heads=4)
    monkeypatch.setattr(attention, "matrix_library_is_slow", lambda: False)
    assert not fused_attention_is_slow(tokens.bfloat16(), num_heads=4)


def test_training_keeps_fused_attention():
    assert not fused_attention_is_slow(torch.zeros(2, 8, 16, dtype=torch.bfloat16), num_heads=4)


@torch.no_grad()
def test_many_logits_are_left_to_fused_attention(monkeypatch):
    tokens = torch.zeros(2, 8, 16, dtype=torch.bfloat16)
    monkeypatch.setattr(attention, "MOST_LOGITS", 2 * 4 * 8 * 8)
    assert fused_attention_is_slow(tokens, num_heads=4)
    assert not fused_attention_is_slow(tokens, num_heads=5)
