"""Intermediate results on demand."""

import pytest
import torch

import segkit
from segkit.classes import Classes
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
    with torch.no_grad(), segkit.record(model) as seen:
        prediction = model(IMAGES)
    assert [tuple(one.shape) for one in seen.features] == [
        (2, f.channels, 64 // f.stride, 96 // f.stride) for f in model.backbone.features
    ]
    assert seen.mask_features is prediction.mask_features
    assert [tuple(one.shape) for one in seen.memory] == [(2, 16, 4, 6)]
    assert {name: tuple(level.shape) for name, level in seen.pyramid.items()} == {
        "pixel_decoder.fpn.outputs.1": (2, 16, 4, 6),
        "pixel_decoder.fpn.outputs.0": (2, 16, 8, 12),
    }
    assert {name: tuple(state.shape) for name, state in seen.hidden_states.items()} == {
        "pixel_decoder.layers.0": (2, 24, 16),
        "pixel_decoder.layers.1": (2, 24, 16),
        "transformer_decoder.layers.0": (2, 8, 16),
        "transformer_decoder.layers.1": (2, 8, 16),
    }
    assert {name: tuple(weights.shape) for name, weights in seen.attention_weights.items()} == {
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
    with torch.no_grad(), segkit.record(model) as seen:
        prediction = model(IMAGES)
        states = [decoder.norm(seen.hidden_states[f"transformer_decoder.layers.{layer}"]) for layer in range(2)]
        for state, layer in zip(states, prediction.layers, strict=True):
            assert torch.equal(decoder.class_head(state), layer.class_logits)


def test_attention_weights_are_those_that_were_used(make):
    model = make("mask_former")
    attention = model.transformer_decoder.layers[0].cross_attention.attention
    given = []
    attention.register_forward_hook(lambda module, inputs, output: given.append((inputs, output[0])))
    with torch.no_grad(), segkit.record(model) as seen:
        model(IMAGES)
    (_, _, value), attended = given[0]
    weights = seen.attention_weights["transformer_decoder.layers.0.cross_attention"]
    assert torch.allclose(weights.sum(-1), torch.ones(()), atol=1e-6)
    value_weight, value_bias = attention.in_proj_weight[32:], attention.in_proj_bias[32:]
    values = torch.nn.functional.linear(value, value_weight, value_bias).unflatten(-1, (2, 8)).transpose(1, 2)
    by_hand = attention.out_proj((weights @ values).transpose(1, 2).flatten(2))
    assert torch.allclose(by_hand, attended, atol=1e-5)


def test_recording_changes_nothing_and_leaves_nothing_behind(make):
    model = make("mask_former")
    with torch.no_grad():
        before = model(IMAGES)
        with segkit.record(model):
            during = model(IMAGES)
    assert torch.equal(before.mask_logits, during.mask_logits)
    assert not any(module._forward_hooks for module in model.modules())


def test_gradients_flow_through_what_is_recorded(make):
    model = make("mask_former")
    with segkit.record(model) as seen:
        model(IMAGES).mask_logits.sum().backward()
    assert seen.features[-1].grad_fn is not None


def test_a_model_without_transformer(make):
    model = make("per_pixel")
    with torch.no_grad(), segkit.record(model) as seen:
        model(IMAGES)
    assert seen.features
    assert seen.mask_features is not None
    assert (seen.hidden_states, seen.attention_weights) == ({}, {})
