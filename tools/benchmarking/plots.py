"""Line plots with two logarithmic axes, drawn with Pillow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 620, 420
"""Size of a panel in pixels."""
LEFT, RIGHT, TOP, BOTTOM = 80, 25, 70, 60
"""Margins around the axes of a panel."""
COLORS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167))
"""Can be distinguished with color blindness too."""
INK, FAINT = (40, 40, 40), (225, 225, 225)
SHARPNESS = 2
"""Everything is drawn this much larger and then reduced, which smooths lines and letters."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A line with its name in the legend."""

    name: str
    points: Sequence[Point]
    """All coordinates are positive."""


@dataclass(frozen=True)
class Panel:
    """One pair of axes with lines."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]


def draw(path: Path, panels: Sequence[Panel]) -> None:
    """Writes the panels side by side as PNG. A line without points appears only in the legend."""
    canvas = _Canvas(len(panels) * WIDTH, HEIGHT)
    for index, panel in enumerate(panels):
        _Axes(canvas, index * WIDTH, panel).draw()
    canvas.image.resize((len(panels) * WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(path)


class _Canvas:
    """Draws in the pixel coordinates of the finished image."""

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width * SHARPNESS, height * SHARPNESS), "white")
        self._draw = ImageDraw.Draw(self.image)
        self._fonts = {size: ImageFont.load_default(size * SHARPNESS) for size in (12, 15)}

    def line(self, points: Sequence[Point], color: tuple[int, int, int], width: float = 1) -> None:
        scaled = [(x * SHARPNESS, y * SHARPNESS) for x, y in points]
        self._draw.line(scaled, fill=color, width=round(width * SHARPNESS), joint="curve")

    def dot(self, point: Point, color: tuple[int, int, int], radius: float = 3.5) -> None:
        x, y = point
        box = [(side * SHARPNESS) for side in (x - radius, y - radius, x + radius, y + radius)]
        self._draw.ellipse(box, fill=color)

    def text(self, point: Point, text: str, anchor: str, size: int = 12) -> None:
        place = (point[0] * SHARPNESS, point[1] * SHARPNESS)
        self._draw.text(place, text, fill=INK, anchor=anchor, font=self._fonts[size])

    def width_of(self, text: str) -> float:
        return self._fonts[12].getlength(text) / SHARPNESS


class _Axes:
    def __init__(self, canvas: _Canvas, left: int, panel: Panel) -> None:
        self.canvas, self.left, self.panel = canvas, left, panel
        points = [point for line in panel.lines for point in line.points] or [(1.0, 1.0)]
        self.x_range, self.y_range = (_range([point[axis] for point in points]) for axis in (0, 1))

    def draw(self) -> None:
        self._grid()
        panel, middle = self.panel, self.left + (LEFT + WIDTH - RIGHT) / 2
        self.canvas.text((middle, 14), panel.title, "mt", size=15)
        self.canvas.text((middle, HEIGHT - 12), panel.x_label, "ms")
        self.canvas.text((self.left + LEFT - 8, TOP - 16), panel.y_label, "rm")
        for line, color in zip(panel.lines, COLORS, strict=False):
            places = [self._place(*point) for point in sorted(line.points)]
            if len(places) > 1:
                self.canvas.line(places, color, 2)
            for place in places:
                self.canvas.dot(place, color)
        self._legend()

    def _place(self, x: float, y: float) -> Point:
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
        return (
            self.left + LEFT + _fraction(x, self.x_range) * (right - LEFT),
            bottom - _fraction(y, self.y_range) * (bottom - TOP),
        )

    def _grid(self) -> None:
        (x0, x1), (y0, y1) = self.x_range, self.y_range
        for x in sorted({x for line in self.panel.lines for x, _ in line.points}):  # one tick per measured point
            self.canvas.line([self._place(x, y0), self._place(x, y1)], FAINT)
            column, bottom = self._place(x, y0)
            self.canvas.text((column, bottom + 8), f"{x:g}", "mt")
        for y in ticks(y0, y1):
            self.canvas.line([self._place(x0, y), self._place(x1, y)], FAINT)
            left, row = self._place(x0, y)
            self.canvas.text((left - 8, row), number(y), "rm")
        self.canvas.line([self._place(x0, y1), self._place(x0, y0), self._place(x1, y0)], INK, 1.5)

    def _legend(self) -> None:
        left, row = float(self.left + LEFT), TOP - 16
        for line, color in zip(self.panel.lines, COLORS, strict=False):
            self.canvas.line([(left, row), (left + 22, row)], color, 2)
            self.canvas.dot((left + 11, row), color)
            self.canvas.text((left + 30, row), line.name, "lm")
            left += 30 + self.canvas.width_of(line.name) + 24


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Returns the smallest and the largest value with a margin, which a single value gets too."""
    low, high = min(values), max(values)
    room = max((high / low) ** 0.08, 1.1)
    return low / room, high * room


def _fraction(value: float, limits: tuple[float, float]) -> float:
    return math.log(value / limits[0]) / math.log(limits[1] / limits[0])


def ticks(low: float, high: float) -> list[float]:
    """Returns three to nine round values in a range.

    These are powers of ten; if they are too few, also 2 and 5 times them, then all whole multiples, then quarters.
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 5), tuple(range(1, 10)), tuple(step / 4 for step in range(4, 40))):
        found = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
        if len(found) >= 3:
            break
    return found[:: math.ceil(len(found) / 9)] if found else [low, high]


def number(value: float) -> str:
    """Formats a number briefly: 1500 becomes 1.5k, 0.000002 becomes 2e-06."""
    if value >= 1e6:
        return f"{value / 1e6:.3g}M"
    return f"{value / 1e3:.3g}k" if value >= 1e3 else f"{value:.3g}"
