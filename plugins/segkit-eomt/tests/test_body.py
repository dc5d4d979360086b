"""Attention by products gives what fused attention gives."""

import pytest
import torch
from segkit_eomt import body
from segkit_eomt.body import PlainBody


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "vit_small_patch16_dinov3"])
@torch.no_grad()
def test_products_replace_fused_attention_where_it_is_slow(monkeypatch, name):
    torch.manual_seed(0)
    plain = PlainBody(name, False, None, None, None, {"depth": 1}).eval()
    tokens, rotary, _ = plain.embed(torch.randn(1, 3, 64, 48))
    mask = torch.rand(1, 1, tokens.shape[1], tokens.shape[1]) > 0.2
    expected = [plain.run(0, tokens, rotary, one) for one in (None, mask)]
    monkeypatch.setattr(body, "fused_attention_is_slow", lambda tokens, num_heads: True)
    found = []
    for one, fused in ((None, False), (mask, True)):
        found.append(plain.run(0, tokens, rotary, one))
        assert plain.transformer.blocks[0].attn.fused_attn is fused
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
