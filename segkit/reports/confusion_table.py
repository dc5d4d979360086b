"""The confusion matrix of a run as HTML."""

from __future__ import annotations

from collections.abc import Sequence

from segkit.errors import DataError
from segkit.results.html import Html, element, scrolling, table

MOST_CLASSES = 30
"""A larger matrix is not readable: its largest confusions are listed instead."""


def confusion_table(rows: Sequence[Sequence[str]]) -> Html:
    """Returns the matrix in percent of the pixels of each target class, or its largest confusions.

    Args:
        rows: Those of the CSV file that an evaluation writes: a header, and a row of pixels for each target class.

    Raises:
        DataError: They are not such rows.

    Example:
        >>> ">75<" in confusion_table([["target", "sky", "sea"], ["sky", "3", "1"], ["sea", "0", "2"]])
        True
    """
    header, *lines = rows
    names = list(header[1:])
    try:
        counts = [[int(cell) for cell in line[1:]] for line in lines]
    except ValueError as error:
        raise DataError(f"the confusion matrix holds something else than numbers of pixels ({error}).") from error
    if any(len(line) != len(names) for line in counts):
        raise DataError("the confusion matrix has rows of different lengths.")
    fractions = [[count / max(1, sum(line)) for count in line] for line in counts]
    targets = [line[0] for line in lines]
    if len(names) <= MOST_CLASSES:
        return _matrix(names, targets, fractions)
    largest = sorted(
        ((count, row, column) for row, line in enumerate(counts) for column, count in enumerate(line) if row != column),
        reverse=True,
    )[:MOST_CLASSES]
    listed = [[targets[row], names[column], f"{fractions[row][column]:.1%}"] for _, row, column in largest]
    return table(["target", "predicted", "of the target"], listed, "The largest confusions")


def _matrix(names: Sequence[str], targets: Sequence[str], fractions: Sequence[Sequence[float]]) -> Html:
    heads = element("tr", element("th", "target \\ predicted"), *(_head(name) for name in names))
    body = [
        element("tr", element("th", target), *(_cell(fraction, row == column) for column, fraction in enumerate(line)))
        for row, (target, line) in enumerate(zip(targets, fractions, strict=True))
    ]
    caption = element("caption", "Percent of the pixels of each target class")
    return scrolling(element("table", caption, element("thead", heads), element("tbody", *body), style_class="matrix"))


def _head(name: str) -> Html:
    """Returns the header of a column. The name stands upright, so that many columns fit beside each other."""
    return element("th", element("span", name), style_class="upright")


def _cell(fraction: float, right: bool) -> Html:
    """Returns a cell that is the darker the larger the fraction: blue where it is right, red where it is wrong."""
    color = "31,110,180" if right else "200,40,40"
    text = f"{100 * fraction:.0f}" if fraction >= 0.005 else ""
    return Html(f'<td class="number" style="background: rgba({color},{0.6 * fraction:.3f})">{text}</td>')
