"""The selection of queries and classes: when it is made, and that it never decides what it cannot know."""

import pytest
import torch

from segkit.ops import semantic_inference as plain
from segkit.ops.cpu.semantic_inference import (
    Thresholds,
    block_maxima,
    output_blocks,
    select,
    semantic_label_map,
)
from segkit.ops.semantic_inference import class_sum_bands, class_sums
from segkit.types import ImageSizes

SIZES = ImageSizes((32, 48), (32, 48), (32, 48))


def scene(queries=20, num_classes=30, active=4, certainty=8.0):
    """`active` sure queries that divide the image by columns, the others seeing no object."""
    generator = torch.Generator().manual_seed(0)
    class_logits = torch.randn(queries, num_classes + 1, generator=generator)
    class_logits[:active].scatter_(1, torch.arange(active)[:, None], certainty + 4)
    class_logits[active:, -1] += certainty
    mask_logits = torch.randn(queries, 8, 12, generator=generator) - 2
    for query in range(active):
        mask_logits[query, :, query * 12 // active : (query + 1) * 12 // active] += certainty
    return class_logits.softmax(-1)[:, :-1], mask_logits


def test_sure_queries_and_their_classes_are_selected():
    selection = select(*scene())
    assert selection.queries.tolist() == [0, 1, 2, 3]
    assert selection.classes.tolist() == [0, 1, 2, 3]
    assert selection.by_class.shape == (4, 4)


@pytest.mark.parametrize(
    "thresholds", [Thresholds(probability=1.0), Thresholds(products=0.01), Thresholds(decided=1.0)], ids=str
)
def test_thresholds_under_which_nothing_is_selected(thresholds):
    assert select(*scene(), thresholds) is None


def test_of_an_unsure_model_nothing_is_selected():
    assert select(*scene(certainty=0.0)) is None


@pytest.mark.parametrize("queries", [20, 200])
@pytest.mark.parametrize("output", [(32, 48), (50, 31)])
def test_both_ways_find_the_same(output, queries):
    class_probs, mask_logits = scene(queries)
    sizes = ImageSizes(SIZES.padded, SIZES.unpadded, output)
    assert select(class_probs, mask_logits) is not None
    found = semantic_label_map(class_probs, mask_logits, sizes)
    assert torch.equal(found, plain.semantic_label_map(class_probs, mask_logits, sizes))
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
def test_nothing_left_out_exceeds_its_bound(sizes):
    class_probs, mask_logits = scene()
    selection = select(class_probs, mask_logits)
    rows, columns = output_blocks(mask_logits, sizes)
    of_others, for_others = selection.bounds[:, rows][:, :, columns]
    total = torch.cat([sums for _, sums in class_sum_bands(class_probs.t(), mask_logits, sizes)], 1)
    selected_masks = mask_logits[selection.queries]
    selected = torch.cat([sums for _, sums in class_sum_bands(selection.by_class, selected_masks, sizes)], 1)
    left_out = total[selection.classes] - selected
    assert (left_out <= of_others + 1e-5).all()
    assert left_out.amax() > 0.5 * of_others.amin()  # the bound is not far off
    total[selection.classes] = 0
    assert (total <= for_others + 1e-5).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 9), (4, 8), (6, 6), (13, 5)])
def test_the_maximum_of_a_block_and_of_the_lines_behind_it(size):
    logits = torch.randn(2, *size)
    maxima = block_maxima(logits)
    assert maxima.shape == (2, -(-size[0] // 4), -(-size[1] // 4))
    for row in range(maxima.shape[1]):
        for column in range(maxima.shape[2]):
            region = logits[:, 4 * row : 4 * row + 6, 4 * column : 4 * column + 6]
            assert torch.equal(maxima[:, row, column], region.amax((1, 2)))


def test_masks_that_are_shrunk_are_computed_in_full():
    """The middle row is made of rows 3, 4, 11 and 12 of the masks, of which its block and its bound see two only."""
    class_probs = torch.zeros(12, 40)
    class_probs[0, 0], class_probs[1, 1] = 0.2, 0.9
    class_probs[2:, 1] = 0.09
    mask_logits = torch.full((12, 16, 16), -30.0)
    mask_logits[0] = 30.0
    mask_logits[2:, 8:] = 30.0
    keen = Thresholds(decided=0.0)
    assert select(class_probs, mask_logits, keen) is not None
    found = semantic_label_map(class_probs, mask_logits, ImageSizes((2, 2), (2, 2), (3, 3)), keen)
    assert found.tolist() == [[0] * 3, [1] * 3, [1] * 3]


def test_queries_left_out_may_turn_a_close_race():
    """Class 1 leads by 0.05 among the sure queries, but the others together give class 0 more than that."""
    class_probs = torch.zeros(12, 40)
    class_probs[0, 0], class_probs[1, 1] = 0.9, 0.95
    class_probs[2:, 0] = 0.02
    mask_logits = torch.full((12, 8, 12), 30.0)
    mask_logits[0, :, 6:] = -30.0
    assert select(class_probs, mask_logits[:, :, 6:]) is not None
    found = semantic_label_map(class_probs, mask_logits, ImageSizes((8, 12), (8, 12), (8, 12)))
    assert (found[:, :6] == 0).all()
    assert (found[:, 6:] == 1).all()


def test_a_pixel_that_is_not_a_number_is_never_decided():
    _, mask_logits = scene()
    selection = select(*scene())
    mask_logits[0, 0, 0] = torch.nan
    sums = class_sums(selection.by_class, mask_logits[selection.queries].sigmoid())
    _, decided = selection.decide_(sums, torch.zeros(2, 8, 12))
    assert not decided[0, 0]
    assert decided.any()
