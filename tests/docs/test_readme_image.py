"""The image of the README can be drawn again from a run."""

from draw_readme_image import FACTOR, LABELS, ROWS, main
from PIL import Image

from tests.helpers.pages import ROOT

RUN = ROOT / "tests/legacy/run"
HEIGHT, WIDTH = 64, 96


def test_it_has_a_column_for_each_image(tmp_path, capsys):
    file = tmp_path / "images" / "drawn.jpg"
    assert main([str(RUN), "--images", "0", "2", "--output", str(file)]) == 0
    with Image.open(file) as drawn:
        assert drawn.width > LABELS + 2 * FACTOR * WIDTH
        assert drawn.height > len(ROWS) * FACTOR * HEIGHT
    assert capsys.readouterr().out.startswith(f"written: {file} (")
