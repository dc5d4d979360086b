"""Images, results and targets side by side."""

import numpy as np
import torch
from PIL import Image

from segkit.classes import Classes
from segkit.results.comparison import batch_image, comparison, side_by_side
from segkit.results.overlay import overlay
from segkit.results.targets import target_result
from segkit.types import NO_SEGMENT, Batch, ImageSizes, InstanceResult, PanopticSegment, Target

CLASSES = Classes.make(
    ["sky", "car", "person"], things=[False, True, True], colors=[(0, 0, 200), (200, 0, 0), (0, 200, 0)]
)
GRAY = torch.full((3, 60, 80), 100, dtype=torch.uint8)


def test_a_target_in_the_form_of_results():
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


def test_of_overlapping_masks_the_last_one_is_seen():
    masks = torch.tensor([[[True, True, False]], [[False, True, False]]])
    target = Target(torch.tensor([1, 2]), overlapping_masks=masks)

    assert target_result(target, CLASSES, "panoptic").segment_map.tolist() == [[1, 2, 0]]
    assert torch.equal(target_result(target, CLASSES, "instance").masks, masks)


def test_panels_may_be_drawn_images_or_tensors():
    small, large = GRAY, Image.new("RGB", (400, 500))

    plain = side_by_side(small, large)
    titled = side_by_side(small, large, titles=["image", "target"])

    assert plain.height == 500
    assert titled.height > 500
    assert plain.width >= 400 + 400  # the small one enlarged five times
    assert plain.getpixel((10, 10)) == (100, 100, 100)


def test_a_comparison_shows_the_target_and_the_surer_instances():
    masks = torch.zeros(2, 60, 80, dtype=torch.bool)
    masks[0, :30] = masks[1, 30:] = True
    target = Target(torch.tensor([1, 2]), overlapping_masks=masks)
    both = InstanceResult(torch.tensor([1, 2]), torch.tensor([0.9, 0.4]), masks)
    sure = InstanceResult(both.labels[:1], both.scores[:1], masks[:1])

    image = comparison(GRAY, both, target, CLASSES)

    assert np.array_equal(np.asarray(image), np.asarray(comparison(GRAY, sure, target, CLASSES)))
    panels = [GRAY, overlay(GRAY, sure, CLASSES), overlay(GRAY, target_result(target, CLASSES, "instance"), CLASSES)]
    expected = side_by_side(*panels, titles=["image", "prediction", "target"])
    assert np.array_equal(np.asarray(image), np.asarray(expected))


def test_a_batchs_image_is_cropped_and_has_its_results_size():
    images = torch.zeros(1, 3, 64, 96, dtype=torch.uint8)
    images[:, :, :60, :80] = 100
    batch = Batch(images, [ImageSizes((64, 96), (60, 80), (30, 40))], [], ["a.jpg"], [1])

    image = batch_image(batch, 0)

    assert image.shape == (3, 30, 40)
    assert image.unique().tolist() == [100]
