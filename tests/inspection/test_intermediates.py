"""Intermediate values on demand."""

import pytest
import torch
from torch import nn

import segkit
from segkit.classes import Classes
from segkit.types import Feature, Prediction
from tests.helpers.tiny import write_tiny


@pytest.fixture
def make(tmp_path):
    def make(name):
        torch.manual_seed(0)
        config = segkit.load_config(write_tiny(tmp_path, name))
        return segkit.build_model(config, Classes.make(list("abcdefgh"))).eval()

    return make


IMAGES = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)


def test_what_each_part_gives(make):
    model = make("mask_former with transformer_fpn")
    with torch.no_grad(), segkit.record(model) as recorded:
        prediction = model(IMAGES)
    assert [tuple(one.shape) for one in recorded.features] == [
        (2, f.channels, 64 // f.stride, 96 // f.stride) for f in model.backbone.features
    ]
    assert recorded.mask_features is prediction.mask_source.features
    assert [tuple(one.shape) for one in recorded.memory] == [(2, 16, 4, 6)]
    assert {name: tuple(level.shape) for name, level in recorded.pyramid.items()} == {
        "pixel_decoder.fpn.outputs.1": (2, 16, 4, 6),
        "pixel_decoder.fpn.outputs.0": (2, 16, 8, 12),
    }
    assert {name: tuple(state.shape) for name, state in recorded.hidden_states.items()} == {
        "pixel_decoder.layers.0": (2, 24, 16),
        "pixel_decoder.layers.1": (2, 24, 16),
        "transformer_decoder.layers.0": (2, 8, 16),
        "transformer_decoder.layers.1": (2, 8, 16),
    }
    assert {name: tuple(weights.shape) for name, weights in recorded.attention_weights.items()} == {
        "pixel_decoder.layers.0.self_attention": (2, 2, 24, 24),
        "pixel_decoder.layers.1.self_attention": (2, 2, 24, 24),
        "transformer_decoder.layers.0.self_attention": (2, 2, 8, 8),
        "transformer_decoder.layers.0.cross_attention": (2, 2, 8, 24),
        "transformer_decoder.layers.1.self_attention": (2, 2, 8, 8),
        "transformer_decoder.layers.1.cross_attention": (2, 2, 8, 24),
    }


def test_states_are_those_the_prediction_is_made_of(make):
    model = make("mask_former")
    decoder = model.transformer_decoder
    with torch.no_grad(), segkit.record(model) as recorded:
        prediction = model(IMAGES)
        states = [decoder.norm(recorded.hidden_states[f"transformer_decoder.layers.{layer}"]) for layer in range(2)]
        for state, layer in zip(states, prediction.layers, strict=True):
            assert torch.equal(decoder.class_head(state), layer.class_logits)


def test_attention_weights_are_those_that_were_used(make):
    model = make("mask_former")
    attention = model.transformer_decoder.layers[0].cross_attention.attention
    given = []
    attention.register_forward_hook(lambda module, inputs, output: given.append((inputs, output[0])))
    with torch.no_grad(), segkit.record(model) as recorded:
        model(IMAGES)
    (_, _, value), attended = given[0]
    weights = recorded.attention_weights["transformer_decoder.layers.0.cross_attention"]
    assert torch.allclose(weights.sum(-1), torch.ones(()), atol=1e-6)
    value_weight, value_bias = attention.in_proj_weight[32:], attention.in_proj_bias[32:]
    values = torch.nn.functional.linear(value, value_weight, value_bias).unflatten(-1, (2, 8)).transpose(1, 2)
    by_hand = attention.out_proj((weights @ values).transpose(1, 2).flatten(2))
    assert torch.allclose(by_hand, attended, atol=1e-5)


def test_recording_changes_nothing_and_leaves_nothing_behind(make):
    model = make("mask_former")
    with torch.no_grad():
        before = model(IMAGES)
        with segkit.record(model) as recorded:
            during = model(IMAGES)
        features, states = recorded.features, dict(recorded.hidden_states)
        model(IMAGES)
    assert torch.equal(before.mask_logits, during.mask_logits)
    assert recorded.features is features
    assert all(recorded.hidden_states[name] is state for name, state in states.items())


def test_gradients_flow_through_what_is_recorded(make):
    model = make("mask_former")
    with segkit.record(model) as recorded:
        model(IMAGES).mask_logits.sum().backward()
    assert recorded.features[-1].grad_fn is not None


def test_a_model_without_transformer(make):
    model = make("per_pixel")
    with torch.no_grad(), segkit.record(model) as recorded:
        model(IMAGES)
    assert recorded.features
    assert recorded.mask_features is not None
    assert (recorded.hidden_states, recorded.attention_weights) == ({}, {})


class PluginLayer(nn.Module):
    """A transformer layer and its attention in one, made of nothing of segkit's."""

    records = "hidden_states"

    def forward(self, query, key, *, value):
        return self.attention_weights(query, key, value).mean(1) @ value

    def attention_weights(self, query, key, value):
        return (query @ key.transpose(1, 2)).softmax(-1)[:, None]


class PluginModel(nn.Module):
    """Parts under names of its own, recognized by what they publish."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Identity()
        self.encoder.features = [Feature(4, 8)]
        self.neck = PluginPixelDecoder(self.encoder.features)
        self.head = PluginDecoder(self.neck.memory, self.neck.mask_dim)

    def forward(self, features):
        mask_features, memory = self.neck(self.encoder(features))
        return self.head(memory, mask_features)


class PluginPixelDecoder(nn.Module):
    mask_dim = 4

    def __init__(self, features):
        super().__init__()
        self.features = self.memory = features

    def forward(self, features):
        return 2 * features[0], features


class PluginDecoder(nn.Module):
    """Keeps what was injected, which makes it neither a backbone nor a pixel decoder."""

    def __init__(self, memory, mask_dim):
        super().__init__()
        self.memory, self.mask_dim = memory, mask_dim
        self.layer = PluginLayer()

    def forward(self, memory, mask_features):
        tokens = memory[0].flatten(2).transpose(1, 2)
        state = self.layer(tokens[:, :3], tokens, value=tokens)
        return Prediction(state, mask_embeddings=state, mask_features=mask_features)


def test_parts_of_a_plugin_are_recorded_by_what_they_publish():
    features = torch.rand(2, 4, 2, 3)
    model = PluginModel()
    with segkit.record(model) as recorded:
        prediction = model([features])
    assert recorded.features[0] is features
    assert recorded.mask_features is prediction.mask_source.features
    assert recorded.memory[0] is features
    assert recorded.hidden_states["head.layer"] is prediction.class_logits
    assert recorded.attention_weights["head.layer"].shape == (2, 1, 3, 6)
    assert torch.allclose(recorded.attention_weights["head.layer"].sum(-1), torch.ones(()))
