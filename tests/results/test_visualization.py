import numpy as np
import pytest
import torch
from PIL import Image

from segkit.classes import Classes
from segkit.results.visualization import batch_image, comparison, overlay, regions_of, side_by_side, target_result
from segkit.types import (
    NO_SEGMENT,
    Batch,
    ImageSizes,
    InstanceResult,
    PanopticResult,
    PanopticSegment,
    SemanticResult,
    Target,
)

CLASSES = Classes.make(
    ["sky", "car", "person"], things=[False, True, True], colors=[(0, 0, 200), (200, 0, 0), (0, 200, 0)]
)
GREY = torch.full((3, 60, 80), 100, dtype=torch.uint8)


def two_cars():
    segment_map = torch.zeros(60, 80, dtype=torch.int32)
    segment_map[:30] = 1
    segment_map[30:, :40] = 2
    segment_map[40:, 50:] = 5
    return PanopticResult(
        segment_map,
        [PanopticSegment(1, 0, False, 0.9), PanopticSegment(2, 1, True, 0.95), PanopticSegment(5, 1, True, 0.85)],
    )


def test_without_legend_the_image_keeps_its_size_and_what_is_not_found():
    painted = np.asarray(overlay(GREY, two_cars(), CLASSES, legend=False))

    assert painted.shape == (60, 80, 3)
    assert painted[10, 10].tolist() == [50, 50, 150]
    assert painted[50, 20].tolist() == [150, 50, 50]
    assert painted[35, 60].tolist() == [100, 100, 100]
    assert painted[35, 39].tolist() == [222, 102, 102]  # the outline


def test_opacity():
    solid = np.asarray(overlay(GREY, two_cars(), CLASSES, opacity=1.0, legend=False))

    assert solid[10, 10].tolist() == [0, 0, 200]


def test_segments_of_one_class_differ_in_shade():
    shades = {region.color for region in regions_of(two_cars(), CLASSES) if region.label == 1}

    assert len(shades) == 2
    assert CLASSES.colors[1] in shades


def test_a_hundred_segments_of_one_class_are_not_of_one_colour():
    masks = torch.zeros(100, 10, 10, dtype=torch.bool)
    masks.view(100, 100).fill_diagonal_(True)
    result = InstanceResult(torch.ones(100, dtype=torch.int64), torch.full((100,), 0.5), masks)

    assert len({region.color for region in regions_of(result, CLASSES)}) > 50


def test_void_and_out_of_range_labels_stay_unpainted():
    painted = overlay(GREY, SemanticResult(torch.full((60, 80), 3)), CLASSES, legend=False)

    assert np.array_equal(np.asarray(painted), GREY.permute(1, 2, 0).numpy())


def test_the_surest_instance_lies_on_top():
    masks = torch.ones(2, 60, 80, dtype=torch.bool)
    result = InstanceResult(torch.tensor([2, 1]), torch.tensor([0.9, 0.6]), masks)

    painted = np.asarray(overlay(GREY, result, CLASSES, opacity=1.0, legend=False))

    assert painted[30, 40].tolist() == [0, 200, 0]


@pytest.mark.parametrize(
    ("height", "width", "beside"), [(60, 80, False), (80, 60, True), (480, 640, False), (1, 1, False)]
)
def test_the_legend_stands_below_or_beside_an_upright_image(height, width, beside):
    image = torch.zeros(3, height, width, dtype=torch.uint8)

    drawn = overlay(image, SemanticResult(torch.zeros(height, width, dtype=torch.int64)), CLASSES)

    factor = -(-384 // max(height, width))
    assert (drawn.width > width * factor) == beside
    assert (drawn.height > height * factor) == (not beside)


def test_results_without_anything_are_drawn():
    nothing = [
        PanopticResult(torch.zeros(60, 80, dtype=torch.int32), []),
        InstanceResult(torch.zeros(0, dtype=torch.int64), torch.zeros(0), torch.zeros(0, 60, 80, dtype=torch.bool)),
    ]

    for result in nothing:
        image = overlay(GREY, result, CLASSES)
        assert image.getpixel((5, 5)) == (100, 100, 100)


def test_drawing_changes_neither_image_nor_result():
    image, result = GREY.clone(), two_cars()

    overlay(image, result, CLASSES)

    assert torch.equal(image, GREY)
    assert torch.equal(result.segment_map, two_cars().segment_map)


def test_truth_in_the_form_of_results():
    target = Target(
        torch.tensor([1, 0]),
        segment_map=torch.tensor([[0, 1, NO_SEGMENT]], dtype=torch.int16),
        valid=torch.tensor([[True, True, False]]),
    )

    semantic = target_result(target, CLASSES, "semantic")
    instance = target_result(target, CLASSES, "instance")
    panoptic = target_result(target, CLASSES, "panoptic")

    assert semantic.label_map.tolist() == [[1, 0, 3]]
    assert (instance.labels.tolist(), instance.masks.tolist()) == ([1], [[[True, False, False]]])
    assert panoptic.segment_map.tolist() == [[1, 2, 0]]
    assert panoptic.segments == [PanopticSegment(1, 1, True, 1.0), PanopticSegment(2, 0, False, 1.0)]


def test_of_overlapping_truth_the_last_segment_is_seen():
    masks = torch.tensor([[[True, True, False]], [[False, True, False]]])
    target = Target(torch.tensor([1, 2]), overlapping_masks=masks)

    assert target_result(target, CLASSES, "panoptic").segment_map.tolist() == [[1, 2, 0]]
    assert torch.equal(target_result(target, CLASSES, "instance").masks, masks)


def test_side_by_side_takes_images_and_images():
    small, large = GREY, Image.new("RGB", (400, 500))

    plain = side_by_side(small, large)
    titled = side_by_side(small, large, titles=["image", "truth"])

    assert plain.height == 500
    assert titled.height > 500
    assert plain.width >= 400 + 400  # the small one enlarged five times
    assert plain.getpixel((10, 10)) == (100, 100, 100)


def test_a_comparison_shows_the_truth_and_what_is_sure():
    masks = torch.zeros(2, 60, 80, dtype=torch.bool)
    masks[0, :30] = masks[1, 30:] = True
    truth = Target(torch.tensor([1, 2]), overlapping_masks=masks)
    both = InstanceResult(torch.tensor([1, 2]), torch.tensor([0.9, 0.4]), masks)
    sure = InstanceResult(both.labels[:1], both.scores[:1], masks[:1])

    image = comparison(GREY, both, truth, CLASSES)

    assert np.array_equal(np.asarray(image), np.asarray(comparison(GREY, sure, truth, CLASSES)))
    panels = [GREY, overlay(GREY, sure, CLASSES), overlay(GREY, target_result(truth, CLASSES, "instance"), CLASSES)]
    expected = side_by_side(*panels, titles=["image", "prediction", "truth"])
    assert np.array_equal(np.asarray(image), np.asarray(expected))


def test_a_batchs_image_is_cropped_and_has_its_results_size():
    images = torch.zeros(1, 3, 64, 96, dtype=torch.uint8)
    images[:, :, :60, :80] = 100
    batch = Batch(images, [ImageSizes((64, 96), (60, 80), (30, 40))], [], ["a.jpg"], [1])

    image = batch_image(batch, 0)

    assert image.shape == (3, 30, 40)
    assert image.unique().tolist() == [100]
