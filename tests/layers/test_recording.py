"""Marking what is recorded leaves a module as it is."""

import copy

import pytest
import torch
from torch import nn

from segkit.layers.recording import AttentionWeights, publish
from segkit.layers.transformer import Attention, DecoderLayer, EncoderLayer


def test_a_marked_module_keeps_its_type_its_tensors_and_the_mark_when_copied():
    module = nn.Sequential(nn.Linear(2, 3))
    names = list(module.state_dict())
    marked = publish(module, "pyramid")
    assert marked is module
    assert type(marked) is nn.Sequential
    assert list(marked.state_dict()) == names
    assert copy.deepcopy(marked).records == "pyramid"


@pytest.mark.parametrize("layer", [EncoderLayer, DecoderLayer])
def test_transformer_layers_publish_their_output(layer):
    assert layer.records == "hidden_states"


def test_attention_gives_its_weights():
    torch.manual_seed(0)
    attention = Attention(8, 2, 0.0)
    query, key = torch.rand(1, 3, 8), torch.rand(1, 5, 8)
    assert isinstance(attention, AttentionWeights)
    assert not isinstance(nn.Linear(2, 2), AttentionWeights)
    weights = attention.attention_weights(query, key, key)
    assert weights.shape == (1, 2, 3, 5)
    assert torch.allclose(weights.sum(-1), torch.ones(()))
