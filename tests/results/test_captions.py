"""Names written at regions stand inside of what is seen of them."""

import numpy as np
import pytest
from PIL import Image

from segkit.classes import Classes
from segkit.results.captions import write_names
from segkit.results.regions import Region

CLASSES = Classes.make(["car", "person"])


def texts(*regions):
    """Returns the box (top, left, bottom, right) of all that is written at regions of 400 x 600."""
    image = Image.new("RGB", (600, 400), (90, 90, 90))
    write_names(image, list(regions), CLASSES)
    rows, columns = np.nonzero((np.asarray(image) != 90).any(-1))
    return (rows.min(), columns.min(), rows.max(), columns.max()) if len(rows) else None


def region(*boxes, label=0, **fields):
    mask = np.zeros((400, 600), dtype=bool)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = True
    return Region(mask, label, (200, 0, 0), **fields)


@pytest.mark.parametrize("is_instance", [True, False])
@pytest.mark.parametrize("parts", [[(50, 20, 100, 120), (200, 400, 330, 590)], [(0, 0, 60, 600), (300, 0, 302, 600)]])
def test_a_text_stands_inside_the_largest_part(parts, is_instance):
    top, left, bottom, right = texts(region(*parts, is_instance=is_instance))
    largest = max(parts, key=lambda one: (one[2] - one[0]) * (one[3] - one[1]))
    assert largest[0] <= top
    assert largest[1] <= left
    assert bottom < largest[2]
    assert right < largest[3]


def test_a_text_stands_inside_a_ring():
    mask = np.ones((400, 600), dtype=bool)
    mask[60:340, 90:510] = False
    top, left, bottom, right = texts(Region(mask, 0, (200, 0, 0)))
    assert mask[top : bottom + 1, left : right + 1].all()


def test_a_text_stands_where_no_other_region_covers_its_own():
    _, left, _, right = texts(
        region((0, 0, 400, 600)), region((0, 100, 400, 600), label=1, is_instance=True, score=0.5)
    )
    assert left < 100  # both are written: one left of the border, one right of it
    assert right > 100


def test_a_text_that_fits_only_smaller_stands_inside_of_an_instance():
    wide = texts(region((0, 0, 400, 600), is_instance=True, score=0.5))
    width = (wide[3] - wide[1]) * 5 // 6
    _, left, _, right = texts(region((100, 200, 200, 200 + width), is_instance=True, score=0.5))
    assert 200 <= left < right < 200 + width


def test_a_text_that_does_not_fit_stands_beside_an_instance_and_is_left_out_for_stuff():
    parts = [(100, 100, 112, 110), (300, 500, 304, 504)]
    _, left, bottom, right = texts(region(*parts, is_instance=True))
    assert bottom <= 102
    assert left < 105 < right
    assert texts(region(*parts)) is None
    assert texts(region((100, 100, 101, 101))) is None
    assert texts(region()) is None
    assert texts() is None
