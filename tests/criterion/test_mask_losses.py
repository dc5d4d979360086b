"""Losses and gradients in chunks against autograd over whole masks, and losses against transformers'."""

import pytest
import torch
from torch.nn.functional import interpolate

from segkit.criterion import mask_losses, mask_pixels
from segkit.criterion.mask_losses import WeightedMaskLoss, matched_mask_losses
from segkit.criterion.matched_pairs import MatchedPairs, matched_mask_logits
from segkit.ops.points import PointSampling, pixels_of, sample_maps, uniform_points
from segkit.registries import LOSSES
from segkit.types import Prediction, Target
from tests.helpers.criterion_cases import ScaledError, no_segments

WEIGHTS = [20.0, 1.0]


@pytest.fixture
def losses():
    return [LOSSES.get("focal")(), LOSSES.get("dice")()]


@pytest.fixture
def mask_loss(losses):
    return WeightedMaskLoss(losses, WEIGHTS)


def computed(layers, targets, matches, loss, points=None):
    """The weighted sum, and the unweighted sums (losses,L) of each layer."""
    pairs = MatchedPairs.collect(matches, targets, layers[0].class_logits.device)
    total, values = matched_mask_losses(*matched_mask_logits(layers, pairs), targets, pairs.segments, loss, points)
    assert not values.requires_grad
    return total, torch.stack([values[:, pairs.layer == layer].sum(1) for layer in range(len(layers))], dim=1)


def case(void=False, size=(40, 48), num_layers=2, seed=0):
    """Two layers and two images, one with a segment map and one with overlapping masks."""
    torch.manual_seed(seed)
    features = torch.randn(2, 8, 10, 12, requires_grad=True)
    layers = [
        Prediction(
            torch.zeros(2, 6, 4),
            mask_embeddings=torch.randn(2, 6, 8, requires_grad=True),
            mask_features=features,
        )
        for _ in range(num_layers)
    ]
    valid = torch.rand(size) > 0.2 if void else None
    targets = [
        Target(torch.tensor([0, 1, 2]), torch.randint(-1, 3, size, dtype=torch.int16), valid=valid),
        Target(torch.tensor([1, 1]), overlapping_masks=torch.rand(2, *size) > 0.5),
    ]
    matches = [[(torch.randperm(6)[:3], torch.randperm(3)), (torch.randperm(6)[:2], torch.randperm(2))] for _ in layers]
    return layers, targets, matches


def leaves_of(layers):
    return [layers[0].mask_features, *(layer.mask_embeddings for layer in layers)]


def plain(layers, targets, matches, losses, weights):
    """(losses,L): all masks of all queries upsampled at once, left to autograd; and the weighted sum."""
    sums = []
    for layer, of_layer in zip(layers, matches, strict=True):
        values = [torch.zeros(()) for _ in losses]
        for image, (target, (query, index)) in enumerate(zip(targets, of_layer, strict=True)):
            logits = layer.mask_logits[image, query]
            full = interpolate(logits[:, None], size=target.size, mode="bilinear", align_corners=False).flatten(1)
            target_masks = target.masks[index].flatten(1).float()
            valid = None if target.valid is None else target.valid.flatten().expand_as(full)
            values = [value + loss(full, target_masks, valid).sum() for value, loss in zip(values, losses, strict=True)]
        sums.append(torch.stack(values))
    table = torch.stack(sums, dim=1)
    return table, (table * torch.tensor(weights)[:, None]).sum()


def assert_equal(found, expected):
    """To 1e-6 of the largest value."""
    assert (found - expected).abs().max() <= 1e-6 * expected.abs().max()


@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize("size", [(40, 48), (20, 12), (37, 50)])
@pytest.mark.parametrize("chunk", [1, 4000, 1 << 19])
def test_chunks_give_the_plain_loss_and_gradient(losses, mask_loss, void, size, chunk, monkeypatch):
    monkeypatch.setattr(mask_losses, "CPU_CHUNK", chunk)
    layers, targets, matches = case(void, size)
    table, expected = plain(layers, targets, matches, losses, WEIGHTS)
    total, sums = computed(layers, targets, matches, mask_loss)
    assert_equal(total.detach(), expected.detach())
    assert_equal(sums, table.detach())
    gradients = torch.autograd.grad(total * 3, leaves_of(layers))
    expected_gradients = torch.autograd.grad(expected * 3, leaves_of(layers))
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        assert_equal(ours, theirs)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_loss_with_parameters_of_its_own_learns(losses, compiled):
    torch._dynamo.reset()
    all_losses, weights = [*losses, ScaledError()], [*WEIGHTS, 3.0]
    mask_loss = WeightedMaskLoss(all_losses, weights, compiled)
    for seed in range(3):
        layers, targets, matches = case(void=seed == 2, seed=seed)
        leaves = [*leaves_of(layers), all_losses[-1].scale]
        table, expected = plain(layers, targets, matches, all_losses, weights)
        total, sums = computed(layers, targets, matches, mask_loss)
        assert_equal(sums, table.detach())
        for ours, theirs in zip(torch.autograd.grad(total, leaves), torch.autograd.grad(expected, leaves), strict=True):
            assert_equal(ours, theirs)


def test_second_derivatives_are_refused(mask_loss):
    """As constants, the gradients that were computed in the forward pass would have the gradient 0."""
    layers, targets, matches = case()
    features = layers[0].mask_features
    total, _ = computed(layers, targets, matches, mask_loss)
    (gradient,) = torch.autograd.grad(total, features, create_graph=True)
    with pytest.raises(NotImplementedError, match=r"^mask losses have no second derivatives:"):
        (total + gradient.pow(2).sum()).backward()


def test_half_precision_masks_are_compared_in_full_precision(losses, mask_loss):
    layers, targets, matches = case()
    with torch.autocast("cpu", torch.bfloat16):
        total, sums = computed(layers, targets, matches, mask_loss)
        _, expected = plain(layers, targets, matches, losses, WEIGHTS)
    assert total.dtype == sums.dtype == torch.float32
    torch.testing.assert_close(total, expected, rtol=0.02, atol=0)
    total.backward()
    assert layers[0].mask_features.grad.dtype == torch.float32


def test_an_image_without_segments_keeps_the_graph(mask_loss):
    layers, _, _ = case()
    empty = no_segments((40, 48))
    none = (torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    scaled = ScaledError()
    for points in (None, PointSampling(10)):
        with_parameter = WeightedMaskLoss([*mask_loss.losses, scaled], [*WEIGHTS, 1.0])
        total, sums = computed(layers, [empty, empty], [[none, none]] * 2, with_parameter, points)
        total.backward()
        assert total.item() == 0
        assert sums.tolist() == [[0, 0]] * 3
        for leaf in (*leaves_of(layers), scaled.scale):
            assert torch.equal(leaf.grad, torch.zeros_like(leaf))


def test_without_gradients_the_values_are_the_same(mask_loss):
    layers, targets, matches = case()
    total, sums = computed(layers, targets, matches, mask_loss)
    with torch.no_grad():
        again, sums_again = computed(layers, targets, matches, mask_loss)
    assert not again.requires_grad
    torch.testing.assert_close(total.detach(), again)
    torch.testing.assert_close(sums, sums_again)


def at_pixel_centers(maps, sampling):
    """Every pixel of the 40 x 48 images, in place of random points."""
    rows, columns = torch.meshgrid(torch.arange(40), torch.arange(48), indexing="ij")
    points = torch.stack([(columns + 0.5) / 48, (rows + 0.5) / 40], dim=-1).flatten(0, 1)
    return points.expand(len(maps), -1, -1)


@pytest.mark.parametrize("void", [False, True])
def test_points_at_all_pixels_give_the_whole_loss(losses, mask_loss, void, monkeypatch):
    monkeypatch.setattr(mask_pixels, "uncertain_points", at_pixel_centers)
    layers, targets, matches = case(void)
    table, expected = plain(layers, targets, matches, losses, WEIGHTS)
    total, sums = computed(layers, targets, matches, mask_loss, PointSampling(40 * 48))
    torch.testing.assert_close(sums, table.detach())
    gradients = torch.autograd.grad(total, leaves_of(layers))
    for ours, theirs in zip(gradients, torch.autograd.grad(expected, leaves_of(layers)), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_points_by_hand(losses, mask_loss, monkeypatch):
    """The points of one draw, compared mask by mask."""
    layers, targets, matches = case(void=True, num_layers=1)
    drawn = uniform_points(sum(len(query) for query, _ in matches[0]), 30, "cpu")
    monkeypatch.setattr(mask_pixels, "uncertain_points", lambda *_: drawn)
    by_image = drawn.split([len(query) for query, _ in matches[0]])
    _, sums = computed(layers, targets, matches, mask_loss, PointSampling(30))
    expected = torch.zeros(2)
    for image, (query, index) in enumerate(matches[0]):
        points = by_image[image]
        logits = sample_maps(layers[0].mask_logits[image, query], points)
        pixels = pixels_of(points, (40, 48))
        target_masks = targets[image].masks[index].flatten(1).gather(1, pixels).float()
        valid = targets[image].valid
        valid = None if valid is None else valid.flatten()[pixels]
        expected += torch.stack([loss(logits, target_masks, valid).sum() for loss in losses]).detach()
    torch.testing.assert_close(sums[:, 0], expected)


def test_uniform_points_come_close_to_the_whole_loss(mask_loss):
    layers, targets, matches = case(void=True)
    _, whole = computed(layers, targets, matches, mask_loss)
    _, sampled = computed(layers, targets, matches, mask_loss, PointSampling(20000, 1.0, 0.0))
    torch.testing.assert_close(sampled, whole, rtol=0.03, atol=0)


def test_important_points_are_the_hard_ones(mask_loss):
    layers, targets, matches = case()
    _, whole = computed(layers, targets, matches, mask_loss)
    torch.manual_seed(5)
    total, hard = computed(layers, targets, matches, mask_loss, PointSampling(300, 3.0, 1.0))
    assert (hard[0] < whole[0]).all()  # random logits: those near zero are wrong by less than the others
    total.backward()
    assert layers[0].mask_embeddings.grad.abs().sum() > 0
    torch.manual_seed(5)
    again, _ = computed(layers, targets, matches, mask_loss, PointSampling(300, 3.0, 1.0))
    assert torch.equal(again, total)


def test_losses_agree_with_transformers(losses):
    from transformers.models.maskformer.modeling_maskformer import dice_loss, sigmoid_focal_loss

    torch.manual_seed(1)
    logits, target_masks = torch.randn(5, 300) * 4, (torch.rand(5, 300) > 0.5).float()
    focal, dice = losses
    torch.testing.assert_close(focal(logits, target_masks, None).sum() / 5, sigmoid_focal_loss(logits, target_masks, 5))
    torch.testing.assert_close(dice(logits, target_masks, None).sum() / 5, dice_loss(logits, target_masks, 5))


def test_invalid_pixels_do_not_count(losses):
    logits, target_masks = torch.randn(3, 50), (torch.rand(3, 50) > 0.5).float()
    valid = torch.ones(3, 50, dtype=torch.bool)
    valid[:, 30:] = False
    for loss in losses:
        torch.testing.assert_close(loss(logits, target_masks, valid), loss(logits[:, :30], target_masks[:, :30], None))
