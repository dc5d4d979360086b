"""Curves as SVG."""

import math
import re

import pytest

from segkit.results.curves import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Curve, plot


def points_of(svg):
    return [
        [tuple(map(float, point.split(","))) for point in line.split()]
        for line in re.findall(r'<polyline points="([^"]*)"', svg)
    ]


@pytest.mark.parametrize("logarithmic", [False, True])
def test_points_stand_where_their_values_are(logarithmic):
    (points,) = points_of(plot("loss", [Curve("run", [(0, 100.0), (50, 10.0), (100, 1.0)])], logarithmic))
    assert [x for x, _ in points] == [LEFT, (LEFT + WIDTH - RIGHT) / 2, WIDTH - RIGHT]
    assert (points[0][1], points[2][1] > points[1][1]) == (TOP, True)
    middle = (TOP + HEIGHT - BOTTOM) / 2
    assert (points[1][1] == pytest.approx(middle, abs=0.1)) == logarithmic


def test_what_is_not_finite_is_left_out_and_zero_has_no_logarithm():
    drawn = plot("loss", [Curve("a", [(1, math.nan), (2, 0.0), (3, 1.0)]), Curve("b", [(1, math.inf)])], True)
    assert [len(line) for line in points_of(drawn)] == [2]
    assert "nan" not in drawn
    assert plot("loss", [Curve("b", [(1, math.nan)])]) == ""


@pytest.mark.parametrize("values", [[0.0], [0.5, 0.5], [-3.0, -2.0], [1e-12, 1e12]])
def test_all_points_lie_inside(values):
    for logarithmic in (False, True):
        (points,) = points_of(plot("x", [Curve("run", list(enumerate(values)))], logarithmic))
        assert all(LEFT <= x <= WIDTH - RIGHT and TOP <= y <= HEIGHT - BOTTOM for x, y in points)


def test_runs_have_a_legend_and_names_are_text():
    drawn = plot("<b>", [Curve("<i>", [(1, 1.0)]), Curve("two", [(1, 2.0)])])
    assert "<b>" not in drawn
    assert "<i>" not in drawn
    assert drawn.count('class="key"') == 2
    assert 'class="key"' not in plot("one", [Curve("run", [(1, 1.0)])])


def test_a_run_has_one_color_in_all_plots():
    one, two = Curve("one", [(1, 1.0), (2, 2.0)]), Curve("two", [(1, 2.0), (2, 1.0)])
    alone = plot("b", [Curve("one", []), two])
    stroke = re.findall(r'<polyline points="[^"]*" (stroke="[^"]*")', plot("a", [one, two]))[1]
    assert re.findall(r'<polyline points="[^"]*" (stroke="[^"]*")', alone) == [stroke]
    assert ">two</span>" in alone.replace("\n", "")
    assert ">one" not in alone
