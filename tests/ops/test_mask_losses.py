"""Piecewise losses and gradients against the plain way, and losses against transformers'."""

import pytest
import torch
from torch.nn.functional import interpolate

from segkit.ops import mask_losses
from segkit.ops.mask_losses import matched_mask_losses
from segkit.registries import LOSSES
from segkit.types import NO_SEGMENT, Prediction, Target

WEIGHTS = [20.0, 1.0]


@pytest.fixture
def losses():
    return [LOSSES.get("focal")(), LOSSES.get("dice")()]


def case(void: bool = False):
    torch.manual_seed(0)
    prediction = Prediction(
        torch.zeros(2, 6, 4),
        mask_embeddings=torch.randn(2, 6, 8, requires_grad=True),
        mask_features=torch.randn(2, 8, 10, 12, requires_grad=True),
    )
    valid = torch.rand(40, 48) > 0.2 if void else None
    targets = [
        Target(torch.tensor([0, 1, 2]), torch.randint(-1, 3, (40, 48), dtype=torch.int16), valid=valid),
        Target(torch.tensor([1, 1]), overlapping_masks=torch.rand(2, 40, 48) > 0.5),
    ]
    matches = [
        (torch.tensor([0, 3, 5]), torch.tensor([2, 0, 1])),
        (torch.tensor([1, 4]), torch.tensor([0, 1])),
    ]
    return prediction, targets, matches


def plain(prediction, targets, matches, losses):
    """All masks of all queries upsampled at once, left to autograd."""
    score = torch.zeros(())
    for image, (target, (query, index)) in enumerate(zip(targets, matches, strict=True)):
        logits = prediction.mask_logits[image, query]
        full = interpolate(logits[:, None], size=target.size, mode="bilinear", align_corners=False).flatten(1)
        truth = target.masks[index].flatten(1).float()
        known = None if target.valid is None else target.valid.flatten().expand_as(full)
        for loss, weight in zip(losses, WEIGHTS, strict=True):
            score = score + weight * loss(full, truth, known).sum()
    return score


@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize("piece", [1, 4000, 1 << 19])
def test_pieces_give_the_plain_loss_and_gradient(losses, void, piece, monkeypatch):
    monkeypatch.setattr(mask_losses, "PIECE_PIXELS", piece)
    prediction, targets, matches = case(void)
    leaves = [prediction.mask_embeddings, prediction.mask_features]
    expected = plain(prediction, targets, matches, losses)
    expected_gradients = torch.autograd.grad(expected, leaves)
    score, sums = matched_mask_losses(prediction, targets, matches, losses, WEIGHTS)
    gradients = torch.autograd.grad(score * 3, leaves)
    torch.testing.assert_close(score, expected)
    torch.testing.assert_close(sum(w * s for w, s in zip(WEIGHTS, sums, strict=True)), expected.detach())
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(ours, 3 * theirs)


def test_a_loss_with_parameters_of_its_own_learns(losses):
    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, logits, targets, valid):
            return self.scale * (logits - targets).square().mean(1)

    prediction, targets, matches = case()
    scaled = Scaled()
    score, _ = matched_mask_losses(prediction, targets, matches, [*losses, scaled], [*WEIGHTS, 1.0])
    score.backward()
    assert scaled.scale.grad is not None
    assert prediction.mask_embeddings.grad is not None


def test_a_picture_without_segments_keeps_the_graph(losses):
    prediction, _, _ = case()
    empty = Target(torch.zeros(0, dtype=torch.int64), torch.full((40, 48), NO_SEGMENT, dtype=torch.int16))
    none = (torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    score, sums = matched_mask_losses(prediction, [empty, empty], [none, none], losses, WEIGHTS)
    score.backward()
    assert score.item() == 0
    assert [value.item() for value in sums] == [0, 0]
    assert torch.equal(prediction.mask_embeddings.grad, torch.zeros(2, 6, 8))
    assert torch.equal(prediction.mask_features.grad, torch.zeros(2, 8, 10, 12))


def test_without_gradients_the_values_are_the_same(losses):
    prediction, targets, matches = case()
    score, _ = matched_mask_losses(prediction, targets, matches, losses, WEIGHTS)
    with torch.no_grad():
        again, _ = matched_mask_losses(prediction, targets, matches, losses, WEIGHTS)
    torch.testing.assert_close(score.detach(), again)


def test_losses_agree_with_transformers(losses):
    from transformers.models.maskformer.modeling_maskformer import dice_loss, sigmoid_focal_loss

    torch.manual_seed(1)
    logits, truth = torch.randn(5, 300) * 4, (torch.rand(5, 300) > 0.5).float()
    focal, dice = losses
    torch.testing.assert_close(focal(logits, truth, None).sum() / 5, sigmoid_focal_loss(logits, truth, 5))
    torch.testing.assert_close(dice(logits, truth, None).sum() / 5, dice_loss(logits, truth, 5))


def test_invalid_pixels_do_not_count(losses):
    logits, truth = torch.randn(3, 50), (torch.rand(3, 50) > 0.5).float()
    valid = torch.ones(3, 50, dtype=torch.bool)
    valid[:, 30:] = False
    for loss in losses:
        torch.testing.assert_close(loss(logits, truth, valid), loss(logits[:, :30], truth[:, :30], None))
