"""Curves as SVG inside an HTML page, which scales with the window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from segkit.classes import Color
from segkit.results.html import Html, element, escape

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 12, 40
"""Margins around the curves, in units of the SVG."""

COLORS: tuple[Color, ...] = ((31, 110, 180), (214, 94, 0), (0, 140, 100), (190, 70, 150), (120, 90, 20), (90, 90, 90))
"""Of the curves, in order; they differ for people who do not tell red from green too."""

DASHES = ("", "7 4", "2 3", "9 3 2 3")
"""Of the curves after each round of colors."""


FLAT = 1e-4
"""Part of the values that their differences must exceed to fill a plot: those of rounding would look like a fall."""


class Curve(NamedTuple):
    """One line of a plot."""

    name: str
    points: Sequence[tuple[float, float]]
    """(x, y). Points that are not finite are left out."""


def plot(title: str, curves: Sequence[Curve], logarithmic: bool = False) -> Html:
    """Returns a plot with a legend.

    A curve without points is left out. The others keep the colors of their places in the list, so that the curves of a
    run look alike in all plots of a page.

    Args:
        title: Above it.
        curves: At least one.
        logarithmic: Use a logarithmic y axis, unless a value is not above 0.

    Example:
        >>> drawn = plot("loss", [Curve("run", [(1, 2.0), (2, 1.0)])])
        >>> drawn.count("<polyline"), "<h3>loss</h3>" in drawn
        (1, True)
    """
    shown = [Curve(one.name, [point for point in one.points if all(map(math.isfinite, point))]) for one in curves]
    everything = [point for one in shown for point in one.points]
    if not everything:
        return Html("")
    low, high = min(y for _, y in everything), max(y for _, y in everything)
    logarithmic = logarithmic and low > 0
    first, last = min(x for x, _ in everything), max(x for x, _ in everything)
    ticks = _powers(low, high) if logarithmic else _ticks(low, high)
    value = math.log10 if logarithmic else float
    across = Scale(first, last, LEFT, WIDTH - RIGHT)
    down = Scale(value(min(low, ticks[0])), value(max(high, ticks[-1])), HEIGHT - BOTTOM, TOP)
    drawn = [*(_grid(down(value(tick)), tick) for tick in ticks), *_steps(across, first, last)]
    for index, one in enumerate(shown):
        if not one.points:
            continue
        points = " ".join(f"{across(x):.1f},{down(value(y)):.1f}" for x, y in one.points)
        drawn.append(_line(points, index))
        if len(one.points) < 30:
            drawn += [_dot(point, index) for point in points.split()]
    svg = Html(f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(drawn)}</svg>')
    named = [(index, one.name) for index, one in enumerate(shown) if one.points and len(curves) > 1]
    legend = [element("span", _key(index), name) for index, name in named]
    below = element("div", *legend, style_class="legend")
    return element("div", element("h3", title), svg, below, style_class="plot")


class Scale:
    """Maps an interval to another one."""

    def __init__(self, first: float, last: float, start: float, end: float) -> None:
        self._first, self._start = first, start
        self._factor = (end - start) / ((last - first) or 1.0)

    def __call__(self, value: float) -> float:
        return self._start + (value - self._first) * self._factor


def _ticks(low: float, high: float) -> list[float]:
    """Returns 2 to 7 round numbers that enclose an interval.

    Example:
        >>> _ticks(1.3, 7.4), _ticks(0.0, 0.0)
        ([0.0, 2.0, 4.0, 6.0, 8.0], [0.0, 0.2])
        >>> [round(tick, 3) for tick in _ticks(0.28, 0.1 + 0.18)]
        [0.2, 0.3]
    """
    width = high - low
    if width <= FLAT * max(abs(low), abs(high)):
        width = abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(width / 5))
    step = next(one * power for one in (1, 2, 5, 10) if one * power * 5 >= width)
    first = math.floor(low / step)
    return [number * step for number in range(first, max(math.ceil(high / step), first + 1) + 1)]


def _powers(low: float, high: float) -> list[float]:
    """Returns two to eight numbers that enclose an interval above 0: powers of ten, and 2 and 5 times those if few.

    Example:
        >>> _powers(3.1, 18), _powers(0.02, 900)
        ([2.0, 5.0, 10.0, 20.0], [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0])
    """
    first = math.floor(math.log10(low))
    last = max(math.ceil(math.log10(high)), first + 1)
    if last - first > 2:
        return [10.0**power for power in range(first, last + 1, max(1, -(-(last - first) // 6)))]
    steps = [float(f"{one}e{power}") for power in range(first, last + 1) for one in (1, 2, 5)]
    start = max(index for index, step in enumerate(steps) if step <= low)
    end = min(index for index, step in enumerate(steps) if step >= high and index > start)
    return steps[start : end + 1]


def _grid(y: float, tick: float) -> str:
    return (
        f'<path d="M{LEFT},{y:.1f} H{WIDTH - RIGHT}" class="grid"/>'
        f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:.6g}</text>'
    )


def _steps(across: Scale, first: float, last: float) -> list[str]:
    ends = {last: "end", (first + last) // 2: "middle", first: "start"}  # without repeating one in few steps
    return [
        f'<text x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="{anchor}">{x:.0f}</text>'
        for x, anchor in ends.items()
    ] + [f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">step</text>']


def _stroke(index: int) -> str:
    red, green, blue = COLORS[index % len(COLORS)]
    dash = DASHES[index // len(COLORS) % len(DASHES)]
    return f'stroke="rgb({red},{green},{blue})" stroke-width="2" stroke-dasharray="{dash}" fill="none"'


def _line(points: str, index: int) -> str:
    return f'<polyline points="{points}" {_stroke(index)}/>'


def _dot(point: str, index: int) -> str:
    x, _, y = point.partition(",")
    return f'<circle cx="{x}" cy="{y}" r="2.5" {_stroke(index)}/>'


def _key(index: int) -> Html:
    return Html(f'<svg viewBox="0 0 28 10" class="key"><path d="M0,5 H28" {_stroke(index)}/></svg>')
