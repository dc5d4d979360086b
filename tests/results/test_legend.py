"""The lines of the legend."""

import numpy as np
import pytest
from PIL import Image

from segkit.classes import Classes
from segkit.results.legend import legend_entries, with_legend
from segkit.results.regions import Region

CLASSES = Classes.make(["sky", "car"], things=[False, True])


def region(label, pixels, score=None, color=(0, 0, 0)):
    return Region(np.arange(10) < pixels, label, color, score)


def test_the_class_with_the_most_pixels_comes_first():
    regions = [region(1, 3, 0.9), region(0, 5), region(1, 4, 0.75)]

    assert [entry.text for entry in legend_entries(regions, CLASSES)] == ["car x2 0.75-0.90", "sky"]


def test_equal_scores_are_written_once():
    assert [entry.text for entry in legend_entries([region(1, 3, 0.501), region(1, 3, 0.499)], CLASSES)] == [
        "car x2 0.50"
    ]


def test_the_shades_of_the_four_largest_segments_are_shown():
    regions = [region(1, pixels, 0.5, color=(pixels, 0, 0)) for pixels in (2, 6, 3, 9, 5)]

    (entry,) = legend_entries(regions, CLASSES)

    assert [swatch.inside for swatch in entry.swatches] == [(9, 0, 0), (6, 0, 0), (5, 0, 0), (3, 0, 0)]


@pytest.mark.parametrize("size", [(400, 300), (300, 400), (1, 1)])
def test_an_empty_result_is_stated_in_words(size):
    """Something is written beside or below the image, which itself stays as it is."""
    drawn = with_legend(Image.new("RGB", size, (9, 9, 9)), [], CLASSES)

    pixels = np.asarray(drawn)
    assert (pixels[: size[1], : size[0]] == 9).all()
    assert (pixels == 20).any()
