"""Polygons: equal to pycocotools near the image, correct and cheap for vertices far away."""

import numpy as np
import numpy.typing as npt
import pytest
from pycocotools import mask as coco_mask

from segkit.ops.polygons import clip_polygon, draw_polygons
from segkit.ops.run_length import decode_masks

Mask = npt.NDArray[np.bool_]


def drawn(polygon: list[float], size: tuple[int, int]) -> Mask:
    mask: Mask = decode_masks([draw_polygons([np.array(polygon, dtype=np.float64)], size)], size)[0].numpy()
    return mask


def by_pycocotools(polygon: list[float], size: tuple[int, int]) -> Mask:
    mask: Mask = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([polygon], *size))).astype(bool)
    return mask


def random_polygon(rng: np.random.Generator, size: tuple[int, int], reach: float) -> list[float]:
    """Returns a polygon, perhaps with crossing edges, whose vertices lie up to `reach` images outside the image."""
    height, width = size
    points = rng.uniform(-reach, 1 + reach, (rng.integers(3, 12), 2)) * [width, height]
    if rng.random() < 0.5:
        points = np.round(points * 2) / 2
    numbers: list[float] = points.ravel().tolist()
    return numbers


@pytest.mark.parametrize("reach", [0, 0.3, 0.9])
def test_polygons_near_the_image_equal_those_of_pycocotools(reach: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(1000):
        height, width = (int(length) for length in rng.integers(1, 80, 2))
        # The margin is as wide as the image's longer side.
        polygon = random_polygon(rng, (height, width), reach)
        assert clip_polygon(np.array(polygon), (height, width)).tolist() == polygon
        assert np.array_equal(drawn(polygon, (height, width)), by_pycocotools(polygon, (height, width)))


@pytest.mark.parametrize("reach", [2, 20, 200])
def test_clipped_polygons_differ_from_those_of_pycocotools_by_rounding_alone(reach: float) -> None:
    rng = np.random.default_rng(0)
    size = (40, 60)
    for _ in range(300):
        polygon = random_polygon(rng, size, reach)
        rows, columns = np.nonzero(drawn(polygon, size) != by_pycocotools(polygon, size))
        for row, column in zip(rows, columns, strict=True):
            assert distance(polygon, column + 0.5, row + 0.5) < 0.5


def distance(polygon: list[float], x: float, y: float) -> float:
    """Returns the distance of a point from the outline."""
    starts = np.array(polygon).reshape(-1, 2)
    steps = np.roll(starts, -1, axis=0) - starts
    offsets = np.array([x, y]) - starts
    along = (offsets * steps).sum(1) / np.maximum((steps**2).sum(1), 1e-12)
    nearest = offsets - along.clip(0, 1)[:, None] * steps
    return float(np.hypot(*nearest.T).min())


@pytest.mark.parametrize("far", [140.0, 5.9e6, 3.5e8, 2e9, 1e17, 1e300, 1.7e308])
def test_a_far_vertex(far: float) -> None:
    size = (48, 64)
    right = np.zeros(size, dtype=bool)
    right[6:26, 8:] = True
    # pycocotools takes memory and time in proportion to the length of the outline.
    clipped = clip_polygon(np.array([8, 6, far, 6, far, 26, 8, 26]), size)
    assert len(clipped) <= 40
    assert np.abs(clipped).max() <= 128
    assert np.array_equal(drawn([8, 6, far, 6, far, 26, 8, 26], size), right)
    left = np.zeros(size, dtype=bool)
    left[6:26, :8] = True
    assert np.array_equal(drawn([8, 6, 8, 26, -far, 26, -far, 6], size), left)
    band = np.zeros(size, dtype=bool)
    band[:, 10:20] = True
    assert np.array_equal(drawn([10, -far, 20, -far, 20, far, 10, far], size), band)
    assert drawn([-far, -far, far, -far, far, far, -far, far], size).all()
    assert not drawn([far, 0, far, 5, far / 2, 5], size).any()


def test_a_far_vertex_keeps_the_direction_of_its_edges() -> None:
    near, far = drawn([0, 0, 60, 30, 0, 30], (40, 60)), drawn([0, 0, 6e11, 3e11, 0, 3e11], (40, 60))
    assert np.array_equal(far[:30], near[:30])
    assert np.array_equal(drawn([6e11, 3e11, 0, 3e11, 0, 0], (40, 60)), far)


def test_the_union_of_polygons() -> None:
    polygons = [np.array([0.0, 0, 2, 0, 2, 2, 0, 2]), np.array([1.0, 1, 1e12, 1, 1e12, 3, 1, 3])]
    mask = decode_masks([draw_polygons(polygons, (3, 4))], (3, 4))[0]
    assert mask.int().tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [0, 1, 1, 1]]
