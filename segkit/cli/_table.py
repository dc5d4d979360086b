"""Rows of text as an aligned table, for commands that need no wider library."""

from collections.abc import Callable, Sequence


def aligned(rows: Sequence[Sequence[str]], align: Callable[[str, int], str] = str.ljust) -> list[str]:
    """Returns a line for each row. The last column is not padded.

    Args:
        rows: Cells, equally many in each row. The first row may be a header.
        align: Pads a cell of the other columns: `str.ljust` or `str.rjust`.

    Example:
        >>> aligned([["loss", "file"], ["2.5", "a.png"]])
        ['loss  file', '2.5   a.png']
    """
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    return ["  ".join([*map(align, row[:-1], widths), row[-1]]).rstrip() for row in rows]
