"""Images in rows and columns."""

import numpy as np
from PIL import Image

from segkit.results.grid import LARGEST, image_grid

RED, BLUE = (255, 0, 0), (0, 0, 255)


def has_color(image, color):
    return (np.asarray(image) == color).all(-1)


def test_every_image_is_there_whole():
    drawn = image_grid([Image.new("RGB", (50, 30), RED)] * 4 + [Image.new("RGB", (20, 40), BLUE)], ["a"] * 5)
    assert has_color(drawn, RED).sum() == 4 * 50 * 30
    assert has_color(drawn, BLUE).sum() == 20 * 40
    rows = np.flatnonzero(has_color(drawn, BLUE).any(1))
    assert rows[0] > np.flatnonzero(has_color(drawn, RED)[:, 30])[0] + 30  # in the second of two rows


def test_large_images_are_reduced():
    drawn = image_grid([Image.new("RGB", (4 * LARGEST, 2 * LARGEST), RED)], ["large"])
    assert has_color(drawn, RED).sum() == LARGEST * LARGEST // 2


def test_a_long_caption_keeps_its_end_within_the_image():
    drawn = image_grid([Image.new("RGB", (100, 30), RED)] * 4, ["a very long caption " * 9] + [""] * 3)
    ink = np.flatnonzero((np.asarray(drawn)[:40] < 100).all(-1).any(0))
    assert len(ink)
    assert ink[-1] < 24 + 100
