"""Plots are there, with their lines."""

import pytest
from benchmarking.plots import COLORS, HEIGHT, WIDTH, Line, Panel, draw, number, ticks
from PIL import Image

RISING = [(10.0, 1.0), (100.0, 30.0), (1000.0, 900.0)]


def pixels_near(image, color):
    pixels = image.convert("RGB").tobytes()
    triples = zip(pixels[::3], pixels[1::3], pixels[2::3], strict=True)
    return sum(all(abs(one - other) < 12 for one, other in zip(pixel, color, strict=True)) for pixel in triples)


def test_two_panels_with_lines(tmp_path):
    panel = Panel("growth", "pixels", "ms", [Line("ours", RISING), Line("theirs", RISING[:1]), Line("absent", [])])
    draw(tmp_path / "plot.png", [panel, panel])
    with Image.open(tmp_path / "plot.png") as image:
        assert image.size == (2 * WIDTH, HEIGHT)
        assert pixels_near(image, COLORS[0]) > 200
        assert pixels_near(image, COLORS[2]) > 50  # in the legend alone
        assert pixels_near(image, COLORS[3]) == 0
        left, right = (image.crop((start, 0, start + WIDTH, HEIGHT)) for start in (0, WIDTH))
        assert left.tobytes() == right.tobytes()


@pytest.mark.parametrize("lines", [[], [Line("none", [])], [Line("one", [(5.0, 5.0)])]])
def test_little_to_draw(tmp_path, lines):
    draw(tmp_path / "plot.png", [Panel("little", "x", "y", lines)])
    with Image.open(tmp_path / "plot.png") as image:
        assert image.size == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.5, 2000, [1, 10, 100, 1000]),
        (1, 30, [1, 3, 10, 30]),
        (11, 60, [20, 50]),
        (1e-3, 1e12, None),
        (3.0, 3.3, None),
    ],
)
def test_ticks(low, high, expected):
    found = ticks(low, high)
    assert 2 <= len(found) <= 9
    assert all(low <= tick <= high for tick in found)
    assert found == sorted(found)
    if expected is not None:
        assert set(expected) <= set(found)


def test_numbers():
    assert [number(value) for value in (2e-6, 0.5, 12, 1500, 2.5e6)] == ["2e-06", "0.5", "12", "1.5k", "2.5M"]
