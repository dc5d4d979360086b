"""Recorded intermediates equal those of transformers."""

import pytest
import torch

import segkit
from segkit.interop.huggingface import import_huggingface
from tests.helpers.huggingface_cases import assert_close, write_theirs


@pytest.mark.parametrize("name", ["swin", "resnet18"])
@torch.no_grad()
def test_maps_states_and_attention(name, tmp_path):
    theirs = write_theirs(tmp_path, name, use_auxiliary_loss=False)
    theirs.set_attn_implementation("eager")
    model = import_huggingface(tmp_path).model
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    expected = theirs(model.normalization(images), output_hidden_states=True, output_attentions=True)
    with segkit.record(model) as seen:
        model(images)

    _close(seen.features, expected.encoder_hidden_states[-len(seen.features) :])
    assert_close(seen.mask_features, expected.pixel_decoder_last_hidden_state)
    _, *levels = seen.pyramid.values()  # theirs lack the coarsest level
    _close(levels, expected.pixel_decoder_hidden_states)
    decoder = model.transformer_decoder
    states = [seen.hidden_states[f"transformer_decoder.layers.{index}"] for index in range(len(decoder.layers))]
    _, *their_states = expected.transformer_decoder_hidden_states  # the first are the zeros that queries start from
    _close([*states[:-1], decoder.norm(states[-1])], their_states)
    weights = [seen.attention_weights[f"transformer_decoder.layers.{index}.self_attention"] for index in range(3)]
    _close(weights, expected.attentions[-3:])


def _close(ours, theirs):
    for our, their in zip(ours, theirs, strict=True):
        assert_close(our, their)
