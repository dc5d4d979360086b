"""Whether the first look is taken, and that it never decides what it cannot know."""

import pytest
import torch

from segkit.ops import semantic_inference as votes
from segkit.types import ImageSizes

SIZES = ImageSizes((32, 48), (32, 48), (32, 48))


def scene(queries=20, num_classes=30, active=4, certainty=8.0):
    """`active` sure queries that share the image by columns, the others seeing no object."""
    generator = torch.Generator().manual_seed(0)
    class_logits = torch.randn(queries, num_classes + 1, generator=generator)
    class_logits[:active].scatter_(1, torch.arange(active)[:, None], certainty + 4)
    class_logits[active:, -1] += certainty
    mask_logits = torch.randn(queries, 8, 12, generator=generator) - 2
    for query in range(active):
        mask_logits[query, :, query * 12 // active : (query + 1) * 12 // active] += certainty
    return class_logits.softmax(-1)[:, :-1], mask_logits


def test_a_sure_model_is_looked_at_in_short():
    look = votes._first_look(*scene())
    assert look.queries.tolist() == [0, 1, 2, 3]
    assert look.classes.tolist() == [0, 1, 2, 3]
    assert look.by_class.shape == (4, 4)


def test_an_unsure_model_is_looked_at_in_full():
    assert votes._first_look(*scene(certainty=0.0)) is None


@pytest.mark.parametrize("queries", [20, 200])
@pytest.mark.parametrize("output", [(32, 48), (50, 31)])
def test_both_ways_find_the_same(output, queries, monkeypatch):
    class_probs, mask_logits = scene(queries)
    sizes = ImageSizes(SIZES.padded, SIZES.unpadded, output)
    assert votes._first_look(class_probs, mask_logits) is not None
    found = votes.semantic_class_map(class_probs, mask_logits, sizes)
    monkeypatch.setattr(votes, "_first_look", lambda *_: None)
    assert torch.equal(found, votes.semantic_class_map(class_probs, mask_logits, sizes))
    assert len(found.unique()) == 4


@pytest.mark.parametrize(
    "sizes",
    [
        ImageSizes((32, 48), (32, 48), (32, 48)),
        ImageSizes((32, 64), (29, 45), (80, 31)),
        ImageSizes((8, 12), (8, 12), (64, 96)),
        ImageSizes((10, 13), (10, 13), (5, 6)),
    ],
)
def test_no_votes_left_out_are_more_than_their_bound(sizes):
    class_probs, mask_logits = scene()
    look = votes._first_look(class_probs, mask_logits)
    rows, columns = (
        votes._first_line(*lines) // votes._BLOCK
        for lines in zip(mask_logits.shape[1:], sizes.padded, sizes.unpadded, sizes.output, strict=True)
    )
    of_others, for_others = look.left_out[:, rows][:, :, columns]
    total = torch.cat([band for _, band in votes._bands(class_probs.t(), mask_logits, sizes)], 1)
    counted = torch.cat([band for _, band in votes._bands(look.by_class, mask_logits[look.queries], sizes)], 1)
    left_out = total[look.classes] - counted
    assert (left_out <= of_others + 1e-5).all()
    assert left_out.amax() > 0.5 * of_others.amin()  # the bound is not far off
    total[look.classes] = 0
    assert (total <= for_others + 1e-5).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 9), (4, 8), (6, 6), (13, 5)])
def test_the_largest_value_in_reach_of_a_block(size):
    logits = torch.randn(2, *size)
    reach = votes._reach(logits)
    assert reach.shape == (2, -(-size[0] // 4), -(-size[1] // 4))
    for row in range(reach.shape[1]):
        for column in range(reach.shape[2]):
            seen = logits[:, 4 * row : 4 * row + 6, 4 * column : 4 * column + 6]
            assert torch.equal(reach[:, row, column], seen.amax((1, 2)))


def test_masks_that_are_shrunk_are_looked_at_in_full(monkeypatch):
    monkeypatch.setattr(votes, "_first_look", lambda *_: pytest.fail("its bounds would not hold"))
    found = votes.semantic_class_map(*scene(), ImageSizes((4, 6), (4, 6), (4, 6)))
    assert len(found.unique()) == 4


def test_votes_left_out_may_turn_a_close_race():
    """Class 1 leads by 0.05 among the strong queries, but the weak ones together give class 0 more than that."""
    class_probs = torch.zeros(12, 40)
    class_probs[0, 0], class_probs[1, 1] = 0.9, 0.95
    class_probs[2:, 0] = 0.02
    mask_logits = torch.full((12, 8, 12), 30.0)
    mask_logits[0, :, 6:] = -30.0
    assert votes._first_look(class_probs, mask_logits[:, :, 6:]) is not None
    found = votes.semantic_class_map(class_probs, mask_logits, ImageSizes((8, 12), (8, 12), (8, 12)))
    assert (found[:, :6] == 0).all()
    assert (found[:, 6:] == 1).all()


def test_not_a_number_is_never_sure():
    _, mask_logits = scene()
    mask_logits[0, 0, 0] = torch.nan
    look = votes._first_look(*scene())
    _, sure = look.winners(votes._votes(look.by_class, mask_logits[look.queries].sigmoid()), torch.zeros(2, 8, 12))
    assert not sure[0, 0]
    assert sure.any()
