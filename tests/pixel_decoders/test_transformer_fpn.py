"""The encoder on the coarsest map: equality with torch's, its positions, and the pyramid on top of it."""

import pytest
import torch
from torch import nn

from segkit.layers.transformer import EncoderLayer
from segkit.pixel_decoders import transformer_fpn
from segkit.registries import PIXEL_DECODERS
from segkit.types import Feature

FEATURES = [Feature(8, 8), Feature(16, 16), Feature(24, 32)]
SETTINGS = {"hidden_dim": 32, "mask_dim": 16, "num_layers": 2, "num_heads": 4, "feedforward_dim": 64, "dropout": 0.0}


def decoder(**settings):
    torch.manual_seed(0)
    return PIXEL_DECODERS.get("transformer_fpn")(FEATURES, **(SETTINGS | settings)).eval()


def maps():
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(2, f.channels, 64 // f.stride, 96 // f.stride, generator=generator) for f in FEATURES]


def torch_layer(ours: EncoderLayer, pre_norm: bool) -> nn.TransformerEncoderLayer:
    layer = nn.TransformerEncoderLayer(32, 4, 64, 0.0, batch_first=True, norm_first=pre_norm).eval()
    layer.self_attn.load_state_dict(ours.self_attention.attention.state_dict())
    layer.linear1.load_state_dict(ours.feed_forward[0].state_dict())
    layer.linear2.load_state_dict(ours.feed_forward[3].state_dict())
    layer.norm1.load_state_dict(ours.self_attention_norm.state_dict())
    layer.norm2.load_state_dict(ours.feed_forward_norm.state_dict())
    return layer


@pytest.mark.parametrize("pre_norm", [False, True])
def test_without_positions_the_encoder_is_torch_s(monkeypatch, pre_norm):
    monkeypatch.setattr(transformer_fpn, "sine_position_encoding", lambda h, w, channels, device: torch.zeros(channels))
    part = decoder(pre_norm=pre_norm)
    features = maps()
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.normal_(std=0.2)
        _, (memory,) = part(features)
        tokens = part.input_projection(features[-1]).flatten(2).transpose(1, 2)
        for layer in part.layers:
            tokens = torch_layer(layer, pre_norm)(tokens)
        expected = part.norm(tokens).transpose(1, 2).reshape(2, 32, 2, 3)
    torch.testing.assert_close(memory, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("pre_norm", [False, True])
def test_positions_are_added_to_queries_and_keys_but_not_to_values(pre_norm):
    torch.manual_seed(0)
    layer = EncoderLayer(32, 4, 64, 0.0, pre_norm).eval()
    tokens, here, there = torch.randn(2, 6, 32), torch.randn(6, 32), torch.randn(6, 32)
    with torch.no_grad():
        assert not torch.allclose(layer(tokens, here), layer(tokens, there), atol=1e-3)
        layer.self_attention.attention.in_proj_weight[:64] = 0  # zero queries and keys: attention is uniform
        torch.testing.assert_close(layer(tokens, here), layer(tokens, there))


def test_the_pyramid_starts_from_the_encoded_map():
    part = decoder()
    features = maps()
    with torch.no_grad():
        mask_features, (memory,) = part(features)
        expected, _ = part.fpn([*features[:-1], memory])
    torch.testing.assert_close(mask_features, expected)
    assert mask_features.shape == (2, 16, 8, 12)


def test_published_sizes():
    part = decoder()
    assert part.mask_dim == 16
    assert part.memory == [Feature(32, 32)]


def test_number_of_layers():
    assert len(decoder(num_layers=3).layers) == 3
    assert len(PIXEL_DECODERS.get("transformer_fpn")(FEATURES).layers) == 6
