"""Encoder and decoder layers against torch's own, which have the same structure without positions."""

import pytest
import torch
from torch import nn

from segkit.errors import ConfigError
from segkit.layers.transformer import DecoderLayer, EncoderLayer, check_hidden_dim

NAMES = {
    "self_attention.attention": "self_attn",
    "cross_attention.attention": "multihead_attn",
    "feed_forward.0": "linear1",
    "feed_forward.3": "linear2",
}


def renamed(layer, norms):
    """The weights of `layer` under torch's names."""
    names = NAMES | {f"{norm}_norm": f"norm{index}" for index, norm in enumerate(norms, start=1)}
    state = {}
    for name, tensor in layer.state_dict().items():
        (ours,) = (one for one in names if name.startswith(f"{one}."))
        state[names[ours] + name.removeprefix(ours)] = tensor
    return state


@pytest.mark.parametrize("pre_norm", [False, True])
def test_the_encoder_layer_without_positions_is_torchs(pre_norm):
    torch.manual_seed(0)
    ours = EncoderLayer(8, 2, 16, 0.0, pre_norm)
    theirs = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True, norm_first=pre_norm)
    theirs.load_state_dict(renamed(ours, ["self_attention", "feed_forward"]))
    tokens = torch.randn(2, 6, 8)
    torch.testing.assert_close(ours(tokens, torch.zeros(6, 8)), theirs(tokens))


@pytest.mark.parametrize("pre_norm", [False, True])
def test_the_decoder_layer_without_positions_is_torchs(pre_norm):
    torch.manual_seed(0)
    ours = DecoderLayer(8, 2, 16, 0.0, pre_norm)
    theirs = nn.TransformerDecoderLayer(8, 2, 16, 0.0, batch_first=True, norm_first=pre_norm)
    theirs.load_state_dict(renamed(ours, ["self_attention", "cross_attention", "feed_forward"]))
    queries, memory = torch.randn(2, 5, 8), torch.randn(2, 6, 8)
    torch.testing.assert_close(ours(queries, torch.zeros(5, 8), memory, memory), theirs(queries, memory))


@pytest.mark.parametrize("hidden_dim", [6, 12])
def test_a_width_that_heads_or_positions_cannot_have_is_refused(hidden_dim):
    with pytest.raises(ConfigError) as caught:
        check_hidden_dim("part", hidden_dim, num_heads=8)
    assert str(caught.value) == (
        f"part: hidden_dim: must be a multiple of 4 and of num_heads, which is 8; {hidden_dim} is not."
    )
