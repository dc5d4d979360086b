"""Targets: hand-computed on a map of four segments."""

import pytest
import torch

from segkit.types import NO_SEGMENT, Batch, ImageSizes, MaskProduct, Prediction, Sample, Target

SEGMENTS = [[0, 0, 1], [2, 2, NO_SEGMENT]]


def of_map(**more):
    return Target(torch.tensor([5, 7, 5]), torch.tensor(SEGMENTS, dtype=torch.int16), **more)


def of_masks(**more):
    masks = torch.tensor([[[1, 1, 0], [0, 0, 0]], [[0, 1, 1], [0, 0, 0]], [[0, 0, 0], [1, 1, 0]]], dtype=torch.bool)
    return Target(torch.tensor([5, 7, 5]), overlapping_masks=masks, **more)


def nothing(overlapping=False):
    where = (
        {"overlapping_masks": torch.zeros(0, 2, 3, dtype=torch.bool)}
        if overlapping
        else {"segment_map": torch.full((2, 3), NO_SEGMENT, dtype=torch.int16)}
    )
    return Target(torch.zeros(0, dtype=torch.int64), **where)


def test_it_needs_one_kind_of_truth():
    with pytest.raises(AssertionError, match="one of segment_map, overlapping_masks"):
        Target(torch.tensor([1]))
    with pytest.raises(AssertionError, match="one of segment_map, overlapping_masks"):
        Target(torch.tensor([1]), torch.zeros(1, 1), torch.zeros(1, 1, 1))


@pytest.mark.parametrize("target", [of_map(), of_masks()])
def test_length_and_size(target):
    assert len(target) == 3
    assert target.size == (2, 3)


def test_masks_are_made_of_the_map():
    masks = of_map().masks
    assert masks.dtype == torch.bool
    assert masks.int().tolist() == [[[1, 1, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 0]], [[0, 0, 0], [1, 1, 0]]]
    assert torch.equal(of_masks().masks, of_masks().overlapping_masks)


def test_masks_of_chosen_segments():
    chosen = torch.tensor([2, 0, 2])
    assert torch.equal(of_map().masks_of(chosen), of_map().masks[chosen])
    assert torch.equal(of_masks().masks_of(chosen), of_masks().masks[chosen])


def test_label_map():
    assert of_map().label_map(void=255).tolist() == [[5, 5, 7], [5, 5, 255]]
    assert of_masks().label_map(void=255).tolist() == [[5, 7, 7], [5, 5, 255]]


def test_select_renumbers():
    extras = {"is_crowd": torch.tensor([True, False, False]), "areas": torch.tensor([1.0, 2.0, 3.0])}
    keep = torch.tensor([False, True, True])
    for target in (of_map(**extras).select(keep), of_masks(**extras).select(keep)):
        assert target.labels.tolist() == [7, 5]
        assert target.is_crowd.tolist() == [False, False]
        assert target.areas.tolist() == [2, 3]
        assert len(target.masks) == 2
    assert of_map().select(keep).segment_map.tolist() == [[-1, -1, 0], [1, 1, -1]]
    assert of_map().select(keep).segment_map.dtype == torch.int16


def test_pixel_counts():
    assert of_map().pixel_counts().tolist() == [2, 1, 2]
    assert of_masks().pixel_counts().tolist() == [2, 2, 2]


def test_training_makes_crowds_void():
    crowd = torch.tensor([True, False, False])
    target = of_map(is_crowd=crowd).for_training()
    assert target.labels.tolist() == [7, 5]
    assert target.valid.tolist() == [[False, False, True], [True, True, True]]
    valid = torch.tensor([[True, True, False], [True, True, True]])
    target = of_map(is_crowd=crowd, valid=valid).for_training()
    assert target.valid.tolist() == [[False, False, False], [True, True, True]]


def test_what_covers_a_crowd_stays_known():
    target = of_masks(is_crowd=torch.tensor([True, False, False])).for_training()
    assert target.valid.tolist() == [[False, True, True], [True, True, True]]


def test_an_image_of_crowds_alone():
    target = of_map(is_crowd=torch.tensor([True, True, True])).for_training()
    assert len(target) == 0
    assert target.masks.shape == (0, 2, 3)
    assert target.valid.tolist() == [[False, False, False], [False, False, True]]


def test_training_drops_segments_without_pixels():
    segments = torch.tensor([[0, 2]], dtype=torch.int16)
    target = Target(torch.tensor([5, 6, 7]), segments).for_training()
    assert target.labels.tolist() == [5, 7]
    assert target.segment_map.tolist() == [[0, 1]]
    masks = torch.tensor([[[0, 0]], [[1, 0]]], dtype=torch.bool)
    assert Target(torch.tensor([5, 6]), overlapping_masks=masks).for_training().labels.tolist() == [6]


def test_training_changes_nothing_where_there_is_nothing_to_change():
    target = of_map(is_crowd=torch.tensor([False, False, False]))
    assert target.for_training() is target


def test_padded():
    padded = of_map().padded((3, 5))
    assert padded.segment_map.tolist() == [[0, 0, 1, -1, -1], [2, 2, -1, -1, -1], [-1] * 5]
    assert padded.segment_map.dtype == torch.int16
    assert padded.valid.int().tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [0] * 5]
    valid = torch.tensor([[True, False, True], [True, True, True]])
    padded = of_masks(valid=valid).padded((3, 5))
    assert padded.masks.shape == (3, 3, 5)
    assert torch.equal(padded.valid[:2, :3], valid)
    assert padded.valid.sum() == 5
    assert of_map().padded((2, 3)).valid is None


@pytest.mark.parametrize("overlapping", [False, True])
def test_no_segment_at_all(overlapping):
    target = nothing(overlapping)
    assert len(target) == 0
    assert target.size == (2, 3)
    assert target.masks.shape == (0, 2, 3)
    assert target.label_map(9).tolist() == [[9, 9, 9], [9, 9, 9]]
    assert target.pixel_counts().tolist() == []
    assert len(target.select(torch.zeros(0, dtype=torch.bool))) == 0
    assert target.for_training() is target
    assert target.padded((4, 4)).masks.shape == (0, 4, 4)
    assert len(target.to("cpu")) == 0


def test_resized_takes_the_top_left_of_the_pixels():
    resized = of_map(areas=torch.tensor([1.0, 2.0, 3.0])).resized((4, 6))
    assert resized.segment_map[::2, ::2].tolist() == SEGMENTS
    assert resized.segment_map[1::2, 1::2].tolist() == SEGMENTS
    assert resized.areas.tolist() == [1, 2, 3]
    assert resized.resized((2, 3)).segment_map.tolist() == SEGMENTS
    assert of_masks().resized((4, 6)).pixel_counts().tolist() == [8, 8, 8]


def test_moving_keeps_everything():
    target = of_map(valid=torch.ones(2, 3, dtype=torch.bool), is_crowd=torch.zeros(3, dtype=torch.bool))
    moved = target.to("meta")
    assert moved.labels.is_meta
    assert moved.segment_map.is_meta
    assert moved.valid.is_meta
    assert moved.is_crowd.is_meta
    assert moved.overlapping_masks is moved.areas is None


def test_a_sample_has_its_image_s_size():
    assert Sample(torch.zeros(3, 4, 6, dtype=torch.uint8), None, "a.png", 1).size == (4, 6)


def test_masks_are_a_product_or_dense():
    class_logits, embeddings, features = torch.zeros(2, 5, 4), torch.randn(2, 5, 3), torch.randn(2, 3, 6, 8)
    product = Prediction(class_logits, mask_embeddings=embeddings, mask_features=features)
    assert product.mask_source == MaskProduct(embeddings, features)
    dense = Prediction(class_logits, dense_mask_logits=product.mask_logits)
    assert dense.mask_source is dense.mask_logits
    assert product.mask_size == dense.mask_size == (6, 8)
    queries = torch.tensor([3, 0])
    torch.testing.assert_close(product.mask_logits_of(1, queries), dense.mask_logits_of(1, queries))
    with pytest.raises(AssertionError) as caught:
        _ = Prediction(class_logits, mask_embeddings=embeddings).mask_logits
    assert str(caught.value).startswith("a Prediction needs mask_embeddings and mask_features, or dense_mask_logits")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="memory is pinned for a GPU")
def test_pinned_memory():
    sizes = ImageSizes((2, 3), (2, 3), (2, 3))
    images = torch.zeros(2, 3, 2, 3, dtype=torch.uint8)
    batch = Batch(images, [sizes] * 2, [of_map(), nothing(True)], ["a.png"] * 2, [1, 2]).pin_memory()
    assert batch.images.is_pinned()
    assert batch.targets[0].segment_map.is_pinned()
    assert batch.targets[0].valid is None
    assert len(batch.targets[1]) == 0
