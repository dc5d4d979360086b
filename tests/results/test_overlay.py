"""Results drawn over images."""

import numpy as np
import pytest
import torch

from segkit.classes import Classes
from segkit.results.overlay import overlay
from segkit.results.targets import target_result
from segkit.types import InstanceResult, PanopticResult, PanopticSegment, SemanticResult, Target

CLASSES = Classes.make(
    ["sky", "car", "person"], things=[False, True, True], colors=[(0, 0, 200), (200, 0, 0), (0, 200, 0)]
)
GRAY = torch.full((3, 60, 80), 100, dtype=torch.uint8)


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
    painted = np.asarray(overlay(GRAY, two_cars(), CLASSES, legend=False))

    assert painted.shape == (60, 80, 3)
    assert painted[10, 10].tolist() == [75, 75, 125]  # stuff is quieter
    assert painted[50, 20].tolist() == [150, 50, 50]
    assert painted[35, 60].tolist() == [100, 100, 100]
    assert painted[35, 39].tolist() == [222, 102, 102]  # the outline


def test_opacity():
    solid = np.asarray(overlay(GRAY, two_cars(), CLASSES, opacity=1.0, legend=False))

    assert solid[10, 10].tolist() == [50, 50, 150]
    assert solid[50, 20].tolist() == [200, 0, 0]


def test_the_colors_of_the_image_are_pale_where_nothing_is_found():
    image = torch.tensor([200, 100, 0], dtype=torch.uint8)[:, None, None].expand(3, 60, 80)
    masks = torch.zeros(1, 60, 80, dtype=torch.bool)
    masks[:, :30] = True
    result = InstanceResult(torch.tensor([1]), torch.tensor([0.9]), masks)
    painted = np.asarray(overlay(image, result, CLASSES, legend=False))
    assert painted[50, 40].tolist() == [150, 100, 50]
    assert painted[10, 40].tolist() == [200, 50, 0]  # below an instance, they stay
    label_map = torch.full((60, 80), 3)
    assert overlay(image, SemanticResult(label_map), CLASSES, legend=False).getpixel((40, 50)) == (200, 100, 0)


@pytest.mark.parametrize(("height", "width"), [(1000, 4000), (4000, 1000), (20, 3000)])
def test_large_images_are_reduced(height, width):
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    label_map = torch.full((height, width), 2)
    drawn = overlay(image, SemanticResult(label_map), CLASSES)
    assert max(drawn.size) <= 1600 + 60
    assert drawn.getpixel((2, 2))[1] > 90


def test_void_and_out_of_range_labels_stay_unpainted():
    painted = overlay(GRAY, SemanticResult(torch.full((60, 80), 3)), CLASSES, legend=False)

    assert np.array_equal(np.asarray(painted), GRAY.permute(1, 2, 0).numpy())


def test_the_surest_instance_lies_on_top():
    masks = torch.ones(2, 60, 80, dtype=torch.bool)
    result = InstanceResult(torch.tensor([2, 1]), torch.tensor([0.9, 0.6]), masks)

    painted = np.asarray(overlay(GRAY, result, CLASSES, opacity=1.0, legend=False))

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
        image = overlay(GRAY, result, CLASSES)
        assert image.getpixel((5, 5)) == (100, 100, 100)


@pytest.mark.parametrize("task", ["instance", "panoptic"])
def test_an_image_where_nothing_is_found_is_as_pale_as_the_others(task):
    image = torch.tensor([200, 100, 0], dtype=torch.uint8)[:, None, None].expand(3, 60, 80)
    nothing = Target(torch.zeros(0, dtype=torch.int64), torch.full((60, 80), -1, dtype=torch.int32))
    one = Target(torch.tensor([1]), torch.zeros(60, 80, dtype=torch.int32))
    one.segment_map[:, 40:] = -1
    found, empty = (
        overlay(image, target_result(target, CLASSES, task), CLASSES, legend=False) for target in (one, nothing)
    )
    assert found.getpixel((70, 50)) == empty.getpixel((70, 50)) == (150, 100, 50)
    without_things = Classes.make(["sky"], things=[False])
    panoptic = target_result(nothing, without_things, "panoptic")
    assert overlay(image, panoptic, without_things, legend=False).getpixel((70, 50)) == (200, 100, 0)


def test_the_legend_has_no_segment_without_pixels(monkeypatch):
    shown = []
    monkeypatch.setattr("segkit.results.overlay.with_legend", lambda image, regions, _: shown.extend(regions))
    hidden = two_cars()
    hidden.segment_map[hidden.segment_map == 5] = 2
    overlay(GRAY, hidden, CLASSES)
    assert [region.segment for region in shown] == [1, 2]


def test_drawing_changes_neither_image_nor_result():
    image, result = GRAY.clone(), two_cars()

    overlay(image, result, CLASSES)

    assert torch.equal(image, GRAY)
    assert torch.equal(result.segment_map, two_cars().segment_map)


def test_a_class_name_is_written_where_it_has_room():
    """White letters in a region of 400 pixels, none in one of 4."""
    image = torch.zeros(3, 400, 600, dtype=torch.uint8)
    label_map = torch.full((400, 600), 3)
    label_map[200:204, 300:304] = 1

    small = np.asarray(overlay(image, SemanticResult(label_map), CLASSES))[:400, :600]
    label_map[:, 100:500] = 1
    large = np.asarray(overlay(image, SemanticResult(label_map), CLASSES))[:400, :600]

    assert not (small == 255).all(-1).any()
    assert (large == 255).all(-1).any()


def test_the_legend_has_the_colors_that_one_sees():
    classes = Classes.make(["sky"], colors=[(200, 0, 0)])
    dark = torch.full((3, 400, 500), 100, dtype=torch.uint8)
    drawn = np.asarray(overlay(dark, SemanticResult(torch.zeros(400, 500, dtype=torch.int64)), classes))
    legend = drawn[400:].reshape(-1, 3)
    assert (legend == (150, 50, 50)).all(1).sum() > 50  # inside
    assert (legend == (222, 102, 102)).all(1).sum() > 10  # outline
    assert not (legend == (200, 0, 0)).all(1).any()
