"""The legend of an overlay: the classes that are present, with the colors that one sees, counts and scores."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from segkit.classes import Classes
from segkit.results.drawing import INK, PAPER, font
from segkit.results.regions import Region, Swatch

SWATCHES = 4
"""Colors shown of a class with several segments, those of the largest."""


@dataclass
class Entry:
    """One line of the legend."""

    swatches: list[Swatch]
    text: str


def with_legend(image: Image.Image, regions: Sequence[Region], classes: Classes) -> Image.Image:
    """Returns `image` with the legend in columns below it, or beside an upright one."""
    entries = legend_entries(regions, classes) or [Entry([], "nothing found")]
    size = max(12, round(min(image.size) / 36))
    text_font, line = font(size), round(size * 1.5)
    width = line // 2  # of one swatch
    # An entry takes its swatches, its text and a gap.
    widths = [round(text_font.getlength(one.text)) + line * (len(one.swatches) or 1) // 2 + line for one in entries]
    column = max(widths)
    rows = max(1, (image.height - line) // line)
    columns = -(-len(entries) // rows)
    # A legend of many classes would make an upright image too wide.
    beside = image.height > image.width and columns * column <= max(image.width, column)
    # Columns fill from top to bottom in both cases: largest classes first.
    if beside:
        canvas = Image.new("RGB", (image.width + columns * column + line, image.height), PAPER)
        left, top = image.width + line // 2, line // 2
    else:
        columns = max(1, image.width // column)
        rows = -(-len(entries) // columns)
        canvas = Image.new("RGB", (max(image.width, column), image.height + rows * line + line), PAPER)
        left, top = line // 2, image.height + line // 2
    canvas.paste(image, (0, 0))
    draw = ImageDraw.Draw(canvas)
    for index, entry in enumerate(entries):
        x, y = left + index // rows * column, top + index % rows * line
        for color in entry.swatches:
            place = (x, y + line // 8, x + width - 2, y + line * 7 // 8 - 2)
            draw.rectangle(place, fill=color.inside, outline=color.outline, width=max(1, line // 12))
            x += width
        draw.text((x + line // 4, y + line // 2), entry.text, fill=INK, font=text_font, anchor="lm")
    return canvas


def legend_entries(regions: Sequence[Region], classes: Classes) -> list[Entry]:
    """Returns one entry per class, the class with the most pixels first: name, number of segments, scores.

    Example:
        >>> import numpy as np
        >>> mask = np.ones((2, 2), dtype=bool)
        >>> cars = [Region(mask, 0, (200, 0, 0), 0.75), Region(mask, 0, (220, 0, 0), 0.9)]
        >>> [entry.text for entry in legend_entries(cars, Classes.make(["car"]))]
        ['car x2 0.75-0.90']
    """
    by_label: dict[int, list[Region]] = {}
    for region in regions:
        by_label.setdefault(region.label, []).append(region)
    entries = []
    for label, group in sorted(by_label.items(), key=lambda item: -sum(region.area for region in item[1])):
        text = classes.names[label] + (f" x{len(group)}" if len(group) > 1 else "")
        scores = [region.score for region in group if region.score is not None]
        if scores:
            low, high = f"{min(scores):.2f}", f"{max(scores):.2f}"
            text += f" {high}" if low == high else f" {low}-{high}"
        largest = sorted(group, key=lambda region: -region.area)[:SWATCHES]
        entries.append(Entry([region.swatch or Swatch(region.color, INK) for region in largest], text))
    return entries
