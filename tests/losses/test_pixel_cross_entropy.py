"""The per-pixel loss, computed by hand."""

import math

import pytest
import torch

from segkit.classes import Classes
from segkit.errors import ConfigError
from segkit.registries import LOSSES
from segkit.types import NO_SEGMENT, PixelPrediction, Target


def target(*segments, labels=(0, 1)):
    return Target(torch.tensor(labels), torch.tensor([segments], dtype=torch.int16))


def part(num_classes, **settings):
    classes = Classes.make([f"class {index}" for index in range(num_classes)])
    return LOSSES.get("pixel_cross_entropy")(classes, **settings)


def loss(probabilities, targets, **settings):
    """Probabilities (B, K), the same at every pixel of a map as large as the targets."""
    logits = torch.tensor(probabilities).log()[:, :, None, None].expand(-1, -1, *targets[0].size)
    return part(logits.shape[1], **settings)(PixelPrediction(logits), targets, None).item()


def test_the_mean_over_pixels():
    value = loss([[0.5, 0.25, 0.25]], [target(0, 0, 1)])
    assert value == pytest.approx((2 * math.log(2) + math.log(4)) / 3)


def test_void_does_not_count_and_images_share_one_mean():
    """Two labeled pixels in the first image, one in the second."""
    targets = [target(0, 0, NO_SEGMENT), target(1, NO_SEGMENT, NO_SEGMENT)]
    value = loss([[0.5, 0.5], [0.5, 0.5]], targets)
    assert value == pytest.approx(math.log(2))
    value = loss([[0.5, 0.5], [0.25, 0.75]], targets)
    assert value == pytest.approx((2 * math.log(2) - math.log(0.75)) / 3)


def test_a_pixel_has_the_label_of_its_segment():
    assert loss([[0.5, 0.25, 0.25]], [target(0, 0, labels=(2,))]) == pytest.approx(math.log(4))


def test_the_loss_is_zero_without_pixels_that_count():
    assert loss([[0.5, 0.5]], [target(NO_SEGMENT, NO_SEGMENT)]) == 0


def test_a_small_map_is_upsampled():
    """One pixel of the map stands for the whole image."""
    logits = torch.tensor([0.25, 0.75]).log().view(1, 2, 1, 1)
    image = Target(torch.tensor([1]), torch.zeros(4, 6, dtype=torch.int16))
    value = part(2)(PixelPrediction(logits), [image], None)
    assert value.item() == pytest.approx(-math.log(0.75))


def test_a_pixel_that_is_not_valid_does_not_count():
    partly_valid = target(0, 0, 1)
    partly_valid.valid = torch.tensor([[True, False, True]])
    assert loss([[0.5, 0.25, 0.25]], [partly_valid]) == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_a_mean_weighted_by_class():
    weights = {"class_weights": {"class 1": 3.0}}
    value = loss([[0.5, 0.25, 0.25]], [target(0, 0, 1)], **weights)
    assert value == pytest.approx((2 * math.log(2) + 3 * math.log(4)) / 5)
    assert part(3, **weights).normalizer([target(0, 0, 1), target(1, NO_SEGMENT, NO_SEGMENT)]) == 8
    assert part(3).normalizer([target(0, 0, 1), target(1, NO_SEGMENT, NO_SEGMENT)]) == 4
    assert loss([[0.5, 0.5]], [target(1, 1, 1)], class_weights={"class 1": 0.0}) == 0


def test_wrong_weights():
    with pytest.raises(ConfigError) as caught:
        part(2, class_weights={"clas 1": 1.0})
    assert str(caught.value) == (
        "loss 'pixel_cross_entropy': class_weights: the dataset has no class 'clas 1'. Did you mean 'class 1'? Its "
        "classes: class 0, class 1"
    )
    with pytest.raises(ConfigError) as caught:
        part(2, class_weights="auto")
    assert str(caught.value) == (
        "loss 'pixel_cross_entropy': class_weights: 'auto' needs the data of a training, which replaces it. Give the "
        "weights by class name, or the config of a run."
    )
