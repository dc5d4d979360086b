"""The matcher against scipy on hand-made costs, and against transformers'."""

import warnings

import pytest
import torch

from segkit.ops.targets import resize_target
from segkit.registries import MATCHERS
from segkit.types import NO_SEGMENT, Prediction, Target

HungarianMatcher = MATCHERS.get("hungarian")


def random_case(seed: int, batch: int = 2, queries: int = 12, classes: int = 5, side: int = 16):
    generator = torch.Generator().manual_seed(seed)
    prediction = Prediction(
        torch.randn(batch, queries, classes + 1, generator=generator),
        dense_mask_logits=torch.randn(batch, queries, side, side, generator=generator) * 3,
    )
    targets = []
    for count in (4, 3)[:batch]:
        segment_map = torch.randint(-1, count, (4 * side, 4 * side), generator=generator, dtype=torch.int16)
        targets.append(Target(torch.randint(0, classes, (count,), generator=generator), segment_map))
    return prediction, targets


def centers(side: int):
    """Returns (side * side, 2): the centers of the pixels of a square image, as fractions of its sides."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return torch.stack([(columns + 0.5) / side, (rows + 0.5) / side], dim=-1).view(-1, 2)


def test_the_obvious_pairs_are_found():
    segment_map = torch.full((8, 8), NO_SEGMENT, dtype=torch.int16)
    segment_map[:4], segment_map[4:] = 0, 1
    target = Target(torch.tensor([2, 0]), segment_map)
    logits = torch.full((1, 3, 2, 2), -8.0)
    logits[0, 2, 0] = 8  # query 2 has the upper half, query 0 the lower one
    logits[0, 0, 1] = 8
    class_logits = torch.zeros(1, 3, 4)
    ((query, index),) = HungarianMatcher()([Prediction(class_logits, dense_mask_logits=logits)], [target])[0]
    assert query.tolist() == [0, 2]
    assert index.tolist() == [1, 0]


def test_it_agrees_with_transformers():
    from transformers.models.maskformer.modeling_maskformer import MaskFormerHungarianMatcher

    prediction, targets = random_case(0)
    theirs = MaskFormerHungarianMatcher(cost_class=1.0, cost_mask=20.0, cost_dice=1.0)(
        prediction.mask_logits,
        prediction.class_logits,
        [target.masks.float() for target in targets],
        [target.labels for target in targets],
    )
    ours = HungarianMatcher()([prediction], targets)[0]
    for (our_query, our_target), (their_query, their_target) in zip(ours, theirs, strict=True):
        assert our_query.tolist() == their_query.tolist()
        assert our_target.tolist() == their_target.tolist()


def test_costs_by_binary_cross_entropy_agree_with_transformers(monkeypatch):
    """Their matcher draws points itself, so both get the centers of all pixels."""
    from transformers.models.mask2former import modeling_mask2former

    from segkit.matchers import hungarian

    solved = []
    monkeypatch.setattr(modeling_mask2former, "linear_sum_assignment", lambda cost: (solved.append(cost), ([], []))[1])
    monkeypatch.setattr(modeling_mask2former.torch, "rand", lambda *_, **__: centers(16)[None])
    monkeypatch.setattr(hungarian, "uniform_points", lambda *_: centers(16).expand(2, -1, -1))
    prediction, targets = random_case(8)
    targets = [resize_target(target, (16, 16)) for target in targets]
    modeling_mask2former.Mask2FormerHungarianMatcher(2.0, 5.0, 5.0, num_points=256)(
        prediction.mask_logits,
        prediction.class_logits,
        [target.masks.float() for target in targets],
        [target.labels for target in targets],
    )
    matcher = HungarianMatcher(
        class_cost=2.0, mask_cost=5.0, dice_cost=5.0, num_points=256, mask_loss="binary_cross_entropy"
    )
    for ours, theirs, target in zip(matcher.costs([prediction], targets)[0], solved, targets, strict=True):
        torch.testing.assert_close(ours[:, : len(target)], torch.as_tensor(theirs), atol=1e-4, rtol=1e-4)


def test_layers_are_matched_one_by_one():
    first, targets = random_case(1)
    second, _ = random_case(2)
    together = HungarianMatcher()([first, second], targets)
    apart = [HungarianMatcher()([layer], targets)[0] for layer in (first, second)]
    for ours, theirs in zip(together, apart, strict=True):
        for (a, b), (c, d) in zip(ours, theirs, strict=True):
            assert a.tolist() == c.tolist()
            assert b.tolist() == d.tolist()


def test_no_segment_gives_no_pair():
    prediction, _ = random_case(3, batch=1)
    empty = Target(torch.zeros(0, dtype=torch.int64), torch.full((64, 64), NO_SEGMENT, dtype=torch.int16))
    ((query, index),) = HungarianMatcher()([prediction], [empty])[0]
    assert query.shape == index.shape == (0,)


def test_pixels_that_are_not_valid_do_not_count():
    """Two queries differ only in void pixels: without `valid` these decide, with it the classes do."""
    segment_map = torch.full((4, 4), NO_SEGMENT, dtype=torch.int16)
    segment_map[:2] = 0
    valid = torch.ones(4, 4, dtype=torch.bool)
    valid[2:] = False
    logits = torch.full((1, 2, 4, 4), -8.0)
    logits[0, :, :2] = 8
    logits[0, 1, 2:] = 8  # query 1 covers the void half too
    class_logits = torch.tensor([[[0.0, 0.0], [0.2, 0.0]]])  # and has a slightly larger class probability
    prediction = Prediction(class_logits, dense_mask_logits=logits)
    labels = torch.tensor([0])
    ((without, _),) = HungarianMatcher()([prediction], [Target(labels, segment_map)])[0]
    ((with_valid, _),) = HungarianMatcher()([prediction], [Target(labels, segment_map, valid=valid)])[0]
    assert without.tolist() == [0]
    assert with_valid.tolist() == [1]


def test_products_and_dense_masks_match_alike():
    generator = torch.Generator().manual_seed(6)
    _, targets = random_case(6)
    features = torch.randn(2, 4, 16, 16, generator=generator)
    layers = [
        Prediction(
            torch.randn(2, 12, 6, generator=generator),
            mask_embeddings=torch.randn(2, 12, 4, generator=generator),
            mask_features=features,
        )
        for _ in range(3)
    ]
    dense = [Prediction(layer.class_logits, dense_mask_logits=layer.mask_logits) for layer in layers]
    as_products, as_dense = HungarianMatcher()(layers, targets), HungarianMatcher()(dense, targets)
    for ours, theirs in zip(as_products, as_dense, strict=True):
        for (a, b), (c, d) in zip(ours, theirs, strict=True):
            assert a.tolist() == c.tolist()
            assert b.tolist() == d.tolist()


@pytest.mark.parametrize("overlapping", [False, True])
def test_points_find_the_same_pairs(overlapping):
    """One query has the mask of each segment; points in the void half, where all masks are wrong, do not count."""
    masks = torch.zeros(3, 64, 64, dtype=torch.bool)
    masks[0, :20], masks[1, 20:40], masks[2, :40, :30] = True, True, True
    segment_map = torch.full((64, 64), NO_SEGMENT, dtype=torch.int16)
    for number, mask in enumerate(masks):
        segment_map[mask] = number
    labels, valid = torch.tensor([0, 1, 2]), torch.ones(64, 64, dtype=torch.bool)
    valid[40:] = False
    target = (
        Target(labels, overlapping_masks=masks, valid=valid)
        if overlapping
        else Target(labels, segment_map, valid=valid)
    )
    logits = torch.full((1, 5, 64, 64), -8.0)
    logits[0, torch.tensor([4, 0, 2])] = torch.where(target.masks, 8.0, -8.0)
    logits[0, :, 40:] = 8
    prediction = Prediction(torch.zeros(1, 5, 4), dense_mask_logits=logits)
    torch.manual_seed(0)
    ((query, index),) = HungarianMatcher(num_points=500)([prediction], [target])[0]
    assert dict(zip(index.tolist(), query.tolist(), strict=True)) == {0: 4, 1: 0, 2: 2}


def test_points_at_all_pixels_cost_what_the_whole_map_costs(monkeypatch):
    from segkit.matchers import hungarian

    monkeypatch.setattr(hungarian, "uniform_points", lambda *_: centers(16).expand(2, -1, -1))
    prediction, targets = random_case(7)
    targets = [resize_target(target, (16, 16)) for target in targets]
    matcher = HungarianMatcher(num_points=256)
    found = matcher.costs([prediction], targets)
    torch.testing.assert_close(found, HungarianMatcher().costs([prediction], targets))


def test_more_segments_than_queries_warn_once():
    prediction, targets = random_case(4, batch=1, queries=2)
    matcher = HungarianMatcher()
    with pytest.warns(UserWarning, match="an image has 4 segments, but the model has 2 queries") as caught:
        ((query, index),) = matcher([prediction], targets)[0]
    assert len(caught) == 1
    assert query.tolist() == [0, 1]
    assert len(set(index.tolist())) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        matcher([prediction], targets)


def test_costs_that_are_not_finite_are_reported_with_image_and_layer():
    prediction, targets = random_case(5)
    broken = Prediction(prediction.class_logits.clone(), dense_mask_logits=prediction.dense_mask_logits)
    broken.class_logits[1, 0] = float("nan")
    with pytest.warns(UserWarning, match="image 1 of the batch at decoder layer 1 are not finite") as caught:
        matches = HungarianMatcher()([prediction, broken], targets)
    assert len(caught) == 1
    assert 0 not in matches[1][1][0].tolist()  # the broken query is avoided
