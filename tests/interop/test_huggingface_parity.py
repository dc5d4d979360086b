"""transformers' MaskFormer and segkit's compute the same from the same files."""

import pytest
import torch

from segkit.build import build_criterion
from segkit.interop.huggingface import import_huggingface
from segkit.types import NO_SEGMENT, Target
from tests.helpers.huggingface_cases import (
    BACKBONES,
    assert_close,
    gradients_by_ours,
    make_theirs,
    random_images,
    their_layers,
    write_theirs,
)


@pytest.fixture(params=BACKBONES, scope="module")
def pair(request, tmp_path_factory):
    """Their model, and segkit's import of it."""
    folder = tmp_path_factory.mktemp("theirs")
    theirs = write_theirs(folder, request.param, use_auxiliary_loss=False)
    return theirs, import_huggingface(folder)


@pytest.mark.parametrize(("size", "padded"), [((97, 131), (128, 160)), ((64, 64), (64, 64))])
@torch.no_grad()
def test_all_layers_predict_the_same(pair, size, padded):
    theirs, imported = pair
    torch.manual_seed(1)
    images = random_images(2, size, padded)
    pixels = imported.model.normalization(images, [size, size])
    expected = their_layers(theirs, pixels)
    prediction = imported.model(images, [size, size])
    assert len(prediction.layers) == len(expected)
    for layer, (class_logits, mask_logits) in zip(prediction.layers, expected, strict=True):
        assert_close(layer.class_logits, class_logits)
        assert_close(layer.mask_logits, mask_logits)
    output = theirs(pixels)
    assert_close(prediction.class_logits, output.class_queries_logits)
    assert_close(prediction.mask_logits, output.masks_queries_logits)


def targets_of(size):
    """Returns targets of two images, with three segments and one, and pixels that belong to none."""
    torch.manual_seed(2)
    blobs = torch.full(size, NO_SEGMENT, dtype=torch.int16)
    blobs[4:30, 6:50], blobs[20:60, 30:64], blobs[50:64, :20] = 0, 1, 2
    whole = torch.zeros(size, dtype=torch.int16)
    return [Target(torch.tensor([0, 2, 2]), blobs), Target(torch.tensor([1]), whole)]


def their_loss(theirs, pixels, targets, auxiliary):
    """Returns the total of their criterion, with auxiliary layers from normalized queries."""
    masks, labels = [target.masks.float() for target in targets], [target.labels for target in targets]
    *earlier, (class_logits, mask_logits) = their_layers(theirs, pixels)
    auxiliary_outputs = [{"class_queries_logits": one, "masks_queries_logits": other} for one, other in earlier]
    parts = theirs.get_loss_dict(mask_logits, class_logits, masks, labels, auxiliary_outputs if auxiliary else [])
    return theirs.get_loss(parts)


@pytest.mark.parametrize("auxiliary", [False, True])
@pytest.mark.parametrize("name", ["swin", "resnet50"])
def test_loss_and_gradients_are_the_same(tmp_path, name, auxiliary):
    weights = {"no_object_weight": 0.3, "dice_weight": 2.0, "mask_weight": 15.0, "cross_entropy_weight": 1.5}
    theirs = write_theirs(tmp_path, name, use_auxiliary_loss=auxiliary, **weights)
    imported = import_huggingface(tmp_path)
    ours = imported.model.train()
    theirs.train()
    targets = targets_of((64, 64))
    torch.manual_seed(3)
    images = random_images(2, (64, 64), (64, 64))
    loss = build_criterion(imported.config, imported.classes)(ours(images), targets).total
    expected = their_loss(theirs, ours.normalization(images), targets, auxiliary)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    loss.backward()
    expected.backward()
    gradients = gradients_by_ours(ours, theirs)
    largest = max(float(other.abs().max()) for _, other in gradients.values())
    for parameter, (own, other) in gradients.items():
        # What a softmax or norm cancels, such as a key's bias, has only rounding noise as its gradient.
        scale = max(float(other.abs().max()), 1e-3 * largest)
        assert float((own - other).abs().max()) <= 1e-4 * scale, parameter


def test_the_comparison_uses_their_own_loss():
    """The total that the comparison rebuilds equals that of their forward pass."""
    theirs = make_theirs("swin")
    targets = targets_of((64, 64))
    pixels = torch.randn(2, 3, 64, 64)
    masks, labels = [target.masks.float() for target in targets], [target.labels for target in targets]
    expected = theirs(pixels, mask_labels=masks, class_labels=labels).loss
    torch.testing.assert_close(their_loss(theirs, pixels, targets, auxiliary=False), expected)
