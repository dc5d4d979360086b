"""The image of the README can be drawn again from a run, and is small enough for a page."""

import numpy as np
from draw_readme_image import COLUMNS, FACTOR, main
from PIL import Image

from tests.helpers.pages import ROOT

RUN = ROOT / "tests/legacy/run"
HEIGHT, WIDTH = 64, 96


def test_it_has_a_row_for_each_image_and_a_column_for_each_task(tmp_path, capsys):
    file = tmp_path / "images" / "drawn.jpg"
    assert main([str(RUN), "--images", "0", "2", "--output", str(file)]) == 0
    with Image.open(file) as drawn:
        assert drawn.width > len(COLUMNS) * FACTOR * WIDTH
        assert drawn.height > 2 * FACTOR * HEIGHT
        pixels = np.asarray(drawn.convert("RGB")).astype(int)
    image, semantic, panoptic = (pixels[40:160, left : left + 180] for left in (0, 200, 400))
    assert abs(image - semantic).mean() > 10
    assert abs(semantic - panoptic).mean() > 10
    assert capsys.readouterr().out.startswith(f"written: {file} (")


def test_it_is_shown_as_it_is_and_is_small():
    file = ROOT / "docs/images/quickstart.jpg"
    assert file.stat().st_size < 150_000
    with Image.open(file) as drawn:
        assert drawn.width <= 830  # the width of GitHub's page
