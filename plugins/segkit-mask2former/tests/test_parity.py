"""Both decoders against transformers' at equal random weights: outputs of all layers and all gradients."""

import pytest
import torch
from segkit_mask2former.masked_attention import MaskedAttentionDecoder
from segkit_mask2former.msdeform import MSDeform
from segkit_mask2former.names import split_projections, their_names
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation

from segkit.types import Feature

CHANNELS, STRIDES = (8, 16, 24, 40), (4, 8, 16, 32)
FEATURES = [Feature(*one) for one in zip(CHANNELS, STRIDES, strict=True)]
LABELS = 3
# name -> (coarsest map, settings of theirs)
CASES = {
    "wider than high": ((2, 3), {}),
    "higher than wide": ((5, 2), {"hidden_dim": 48, "feature_size": 32, "num_attention_heads": 4}),
    "a single cell": ((1, 1), {"mask_feature_size": 12}),
    "odd, other depths": ((3, 7), {"encoder_layers": 3, "decoder_layers": 8, "num_queries": 4}),
}
DEFAULTS = {
    "hidden_dim": 32,
    "feature_size": 32,
    "mask_feature_size": 32,
    "encoder_feedforward_dim": 48,
    "dim_feedforward": 40,
    "encoder_layers": 2,
    "decoder_layers": 5,
    "num_attention_heads": 8,
    "num_queries": 9,
    "dropout": 0.0,
}


def randomized(module):
    """Fills all tensors so that each matters: matrices that keep the scale, norms near 1."""
    with torch.no_grad():
        for name, tensor in module.named_parameters():
            noise = torch.randn_like(tensor)
            tensor.copy_(noise / tensor[0].numel() ** 0.5 if tensor.dim() > 1 else 0.1 * noise + ("norm" in name))
    return module


def ours_from(theirs, ours, part):
    """Returns the tensors of one of our parts, whose names are those of `ours`, out of a model of transformers."""
    apart = split_projections(theirs)
    return {name: apart[their_names([f"{part}.{name}"])[f"{part}.{name}"][0]] for name in ours}


@pytest.fixture
def pair(request):
    """Returns their model, our two decoders with its weights, and feature maps of two images."""
    (rows, columns), settings = CASES[request.param]
    settings = {**DEFAULTS, **settings}
    torch.manual_seed(0)
    backbone = {"model_type": "swin", "embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 1, 1]}
    backbone |= {"image_size": 32, "window_size": 2, "out_features": ["stage1", "stage2", "stage3", "stage4"]}
    config = Mask2FormerConfig(
        backbone_config=backbone, id2label={index: str(index) for index in range(LABELS)}, **settings
    )
    theirs = Mask2FormerForUniversalSegmentation(config)
    # The decoder alone, for maps of any channels.
    module = theirs.model.pixel_level_module
    module.decoder = type(module.decoder)(config, feature_channels=list(CHANNELS))
    randomized(theirs).eval()
    shared = {"num_heads": settings["num_attention_heads"]}
    pixel_decoder = MSDeform(
        FEATURES,
        hidden_dim=settings["feature_size"],
        mask_dim=settings["mask_feature_size"],
        num_layers=settings["encoder_layers"],
        feedforward_dim=settings["encoder_feedforward_dim"],
        **shared,
    )
    decoder = MaskedAttentionDecoder(
        pixel_decoder.memory,
        pixel_decoder.mask_dim,
        LABELS,
        num_queries=settings["num_queries"],
        num_layers=settings["decoder_layers"] - 1,
        hidden_dim=settings["hidden_dim"],
        feedforward_dim=settings["dim_feedforward"],
        **shared,
    )
    state = theirs.state_dict()
    pixel_decoder.load_state_dict(ours_from(state, pixel_decoder.state_dict(), "pixel_decoder"))
    decoder.load_state_dict(ours_from(state, decoder.state_dict(), "transformer_decoder"))
    maps = [
        torch.randn(2, one.channels, rows * 32 // one.stride, columns * 32 // one.stride, requires_grad=True)
        for one in FEATURES
    ]
    return theirs, pixel_decoder.eval(), decoder.eval(), maps


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("pair", CASES, indirect=True)
def test_the_pixel_decoder_is_theirs(pair):
    theirs, pixel_decoder, _, maps = pair
    found = theirs.model.pixel_level_module.decoder(maps, output_hidden_states=True)
    mask_features, memory = pixel_decoder(maps)
    close(mask_features, found.mask_features)
    for ours, one in zip(memory[::-1], found.multi_scale_features, strict=True):
        close(ours, one)
    gradients = [
        torch.autograd.grad(sum((one * (one.detach() + 1)).sum() for one in outputs), maps)
        for outputs in ([mask_features, *memory], [found.mask_features, *found.multi_scale_features])
    ]
    for ours, one in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, one, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("pair", CASES, indirect=True)
def test_every_prediction_and_gradient_is_theirs(pair):
    theirs, pixel_decoder, decoder, maps = pair
    with torch.no_grad():
        mask_features, memory = pixel_decoder(maps)
    mask_features.requires_grad_()
    found = theirs.model.transformer_module(memory[::-1], mask_features)
    layers = decoder(memory, mask_features).layers
    assert len(layers) == len(found.masks_queries_logits)
    total, expected = 0.0, 0.0
    for ours, state, masks in zip(layers, found.intermediate_hidden_states, found.masks_queries_logits, strict=True):
        classes = theirs.class_predictor(state.transpose(0, 1))
        close(ours.class_logits, classes)
        close(ours.mask_logits, masks)
        total = total + (ours.class_logits**2).mean() + (ours.mask_logits**2).mean()
        expected = expected + (classes**2).mean() + (masks**2).mean()
    parameters = dict(decoder.named_parameters())
    ours = torch.autograd.grad(total, [mask_features, *parameters.values()])
    expected.backward()
    close(ours[0], mask_features.grad)
    named = {name: one.grad for name, one in theirs.named_parameters() if one.grad is not None}
    for name, one in ours_from(named, parameters, "transformer_decoder").items():
        close(dict(zip(parameters, ours[1:], strict=True))[name], one)
