"""Outputs and gradients equal those of transformers' EoMT with the same weights."""

import pytest
import torch

NAMES = ["dinov2", "dinov2 of one head", "dinov3", "dinov3 without biases"]
SIZES = [(64, 64), (96, 48), (48, 112)]


def close(ours, theirs, tolerance=1e-4):
    """Compares relative to the largest value."""
    ours, theirs = ours.detach(), theirs.detach()
    scale = float(theirs.abs().max())
    assert scale > 0
    assert float((ours - theirs).abs().max()) <= tolerance * scale


def images_of(size):
    return torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_logits_are_equal(pair, name, size, probability):
    ours, theirs = pair(name, size)
    ours.annealing.probabilities.fill_(probability)
    theirs.attn_mask_probs.fill_(probability)
    images = images_of(size)
    with torch.no_grad():
        prediction, expected = ours(images), theirs(ours.normalization(images))
    close(prediction.class_logits, expected.class_queries_logits)
    close(prediction.mask_logits, expected.masks_queries_logits)


def test_masked_attention_matters(pair):
    ours, _ = pair("dinov2")
    images = images_of((64, 64))
    with torch.no_grad():
        masked = ours(images).class_logits
        ours.annealing.probabilities.zero_()
        free = ours(images).class_logits
    assert float((masked - free).abs().max()) > 1e-2 * float(free.abs().max())


@pytest.mark.parametrize("name", NAMES)
def test_queries_that_are_drawn_are_not_masked(pair, name):
    ours, theirs = pair(name, (96, 48))
    ours.train().annealing.probabilities.fill_(0.4)
    theirs.train().attn_mask_probs.fill_(0.4)
    images = images_of((96, 48))
    torch.manual_seed(3)
    prediction = ours(images)
    torch.manual_seed(3)
    expected = theirs(ours.normalization(images))
    close(prediction.class_logits, expected.class_queries_logits)
    close(prediction.mask_logits, expected.masks_queries_logits)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_equal(pair, name):
    from segkit_eomt.names import their_names

    ours, theirs = pair(name, (48, 112))
    ours.train()
    theirs.train()
    images = images_of((48, 112))
    prediction, expected = ours(images), theirs(ours.normalization(images))
    outputs = [
        (prediction.class_logits, prediction.mask_logits),
        (expected.class_queries_logits, expected.masks_queries_logits),
    ]
    factors = [torch.randn_like(logits) for logits in outputs[0]]
    for logits in outputs:
        sum((one * factor).sum() for one, factor in zip(logits, factors, strict=True)).backward()
    found = {key: parameter.grad for key, parameter in theirs.named_parameters()}
    if "dinov2" in name:  # theirs are those of the interpolated positions
        del found["embeddings.position_embeddings.weight"]
    compared = 0
    for key, parameter in ours.named_parameters():
        names = their_names(key, rotary="dinov3" in name)
        if all(one in found for one in names):
            close(parameter.grad, torch.cat([found[one] for one in names]).reshape(parameter.shape))
            compared += 1
    assert compared >= len(list(ours.named_parameters())) - 1
