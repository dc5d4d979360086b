import numpy as np
import pytest
import torch

from segkit.ops.boundaries import boundary_width, mask_boundaries, near_other
from tests.helpers.boundaries import slow_boundary


@pytest.mark.parametrize(("size", "width"), [((480, 640), 16), ((3, 4), 1), ((1024, 2048), 46)])
def test_the_width_is_two_percent_of_the_diagonal(size, width):
    assert boundary_width(size, 0.02) == width


@pytest.mark.parametrize("width", [1, 2, 3])
def test_boundaries_of_a_label_map_are_those_of_its_classes(width):
    labels = np.random.default_rng(0).integers(0, 3, (5, 4)).repeat(5, 0).repeat(6, 1)  # 25 x 24, blocks of 5 x 6

    found = near_other(labels, width)

    expected = np.zeros_like(found)
    for label in range(3):
        expected |= slow_boundary(labels == label, width)
    assert 0.1 < found.mean() < 1
    assert np.array_equal(found, expected)


def test_boundaries_of_masks_that_overlap():
    generator = torch.Generator().manual_seed(0)
    blocks = torch.rand(4, 6, 5, generator=generator) < 0.6
    masks = blocks.repeat_interleave(9, 1).repeat_interleave(8, 2)  # (4, 54, 40), so that the width is 1
    masks[3] = False

    for ratio, width in ((0.0, 1), (0.03, 2), (0.05, 3)):
        expected = np.stack([slow_boundary(mask, width) for mask in masks.numpy()])
        assert np.array_equal(mask_boundaries(masks, ratio).numpy(), expected)


def test_masks_stay_as_they_are():
    masks = torch.ones(1, 9, 9, dtype=torch.bool)

    assert mask_boundaries(masks, 0.1).sum() == 32
    assert masks.all()
    assert mask_boundaries(masks[:0], 0.1).shape == (0, 9, 9)
