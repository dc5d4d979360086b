"""A line over a logarithmic axis, as an SVG file."""

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from segkit.results.curves import Scale

WIDTH, HEIGHT, MARGIN = 640, 400, 60
"""In pixels; the margin is that of each side."""


def line_plot(x: Sequence[float], y: Sequence[float], marked: float, x_name: str, y_name: str) -> str:
    """Returns the SVG of a line.

    Args:
        x: Rising numbers above 0, on a logarithmic axis.
        y: A finite number for each.
        marked: Where on the x axis a vertical line stands.
        x_name: The title of the x axis.
        y_name: The title of the y axis.

    Example:
        >>> line_plot([0.1, 1.0], [2.0, 3.0], 1.0, "rate", "loss").count("<text")
        7
    """
    across = Scale(math.log10(x[0]), math.log10(x[-1]), MARGIN, WIDTH - MARGIN)
    down = Scale(min(y), max(y), HEIGHT - MARGIN, MARGIN)
    points = " ".join(f"{across(math.log10(a)):.1f},{down(b):.1f}" for a, b in zip(x, y, strict=True))
    at = across(math.log10(marked))
    bottom = HEIGHT - MARGIN
    texts = [
        _text(WIDTH / 2, HEIGHT - 12, x_name),
        _text(MARGIN, MARGIN - 25, y_name),
        _text(at, MARGIN - 8, f"{marked:.2g}"),
        *(_text(across(math.log10(one)), bottom + 18, f"{one:.1g}") for one in (x[0], x[-1])),
        *(_text(MARGIN / 2, down(one), f"{one:.3g}") for one in (min(y), max(y))),
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
            'font-size="12" text-anchor="middle">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            f'<path d="M{MARGIN},{MARGIN} V{bottom} H{WIDTH - MARGIN}" fill="none" stroke="black"/>',
            f'<path d="M{at:.1f},{MARGIN} V{bottom}" stroke="gray" stroke-dasharray="4"/>',
            f'<polyline points="{points}" fill="none" stroke="steelblue" stroke-width="2"/>',
            *texts,
            "</svg>\n",
        ]
    )


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
