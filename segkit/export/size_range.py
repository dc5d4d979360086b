"""The heights and widths that an exported file takes."""

import re
from dataclasses import dataclass

from segkit.errors import DataError, ExportError, counted
from segkit.types import Size

LARGEST = 4096
"""Pixels of the longest side of a file of dynamic size, where nothing else is asked for."""

_MORE = ((0, 14), (31, 64), (64, 32), (94, 95), (291, 243))
"""Pixels that the examples are higher and wider than the smallest image. Few are multiples of anything."""

_TRACED = (480, 800)
"""Pixels that traced images are higher and wider than the smallest."""


@dataclass(frozen=True)
class SizeRange:
    """The smallest and the largest image, each side for itself. They are equal in a file of fixed size.

    Example:
        >>> sizes = SizeRange((33, 33), (512, 512))
        >>> (64, 600) in sizes, str(sizes)
        (False, '33 to 512 pixels')
    """

    lowest: Size
    highest: Size

    @property
    def is_fixed(self) -> bool:
        return self.lowest == self.highest

    def __contains__(self, size: Size) -> bool:
        return all(low <= side <= high for low, side, high in zip(self.lowest, size, self.highest, strict=True))

    def __str__(self) -> str:
        if self.is_fixed:
            return f"a height of {self.lowest[0]} and a width of {counted(self.lowest[1], 'pixel')}"
        return f"{self.lowest[0]} to {self.highest[0]} pixels"

    def require(self, size: Size, name: str) -> None:
        """Checks that a file takes images of a size.

        Raises:
            DataError: It does not; the message begins with `name`.

        Example:
            >>> SizeRange((33, 33), (512, 512)).require((64, 600), "a.png")
            Traceback (most recent call last):
            segkit.errors.DataError: a.png (600x64): the exported file takes heights and widths of 33 to 512 pixels. \
Resize the image, or export the checkpoint for other sizes.
        """
        if size not in self:
            sides = str(self) if self.is_fixed else f"heights and widths of {self}"
            raise DataError(
                f"{name} ({size[1]}x{size[0]}): the exported file takes {sides}. Resize the image, or export the "
                "checkpoint for other sizes."
            )

    def traced(self) -> Size:
        """Returns the size to trace with, which may lie above the range.

        A number that is 1 in a trace, or equal to another one, is taken for fixed. So the coarsest map has several
        windows of a Swin in both directions, and the sides differ.

        Example:
            >>> SizeRange((33, 33), (64, 64)).traced()
            (513, 833)
        """
        if self.is_fixed:
            return self.lowest
        return self.lowest[0] + _TRACED[0], self.lowest[1] + _TRACED[1]

    def examples(self) -> list[Size]:
        """Returns sizes to check a file with: the only one, or five that are not multiples of the stride.

        Example:
            >>> SizeRange((33, 33), (512, 512)).examples()[:2]
            [(33, 47), (64, 97)]
        """
        sizes = [
            (min(self.lowest[0] + height, self.highest[0]), min(self.lowest[1] + width, self.highest[1]))
            for height, width in _MORE
        ]
        return list(dict.fromkeys(sizes))


def size_range(text: str, coarsest_stride: int) -> SizeRange:
    """Reads `dynamic`, `HxW` or `MIN-MAX`, the last one for both sides.

    Args:
        text: The text.
        coarsest_stride: Of the model. A dynamic size must exceed it: maps of a single pixel cannot be told from
            values without a map when a model is traced.

    Raises:
        ExportError: The text is none of these, or the range is empty or begins too low.

    Example:
        >>> size_range("dynamic", coarsest_stride=32)
        SizeRange(lowest=(33, 33), highest=(4096, 4096))
        >>> size_range("480x640", coarsest_stride=32).is_fixed
        True
    """
    fixed, span = re.fullmatch(r"(\d+)x(\d+)", text), re.fullmatch(r"(\d+)-(\d+)", text)
    if text == "dynamic":
        low, high = coarsest_stride + 1, LARGEST
    elif fixed and int(fixed[1]) and int(fixed[2]):
        size = int(fixed[1]), int(fixed[2])
        return SizeRange(size, size)
    elif span:
        low, high = int(span[1]), int(span[2])
    else:
        raise ExportError(f"size: '{text}' is no size. Write dynamic, HEIGHTxWIDTH such as 480x640, or 64-1024.")
    if low == high:
        raise ExportError(f"size: '{text}' is one size. Write {low}x{low}.")
    if not coarsest_stride < low < high:
        raise ExportError(
            f"size: a range of this model must begin above {coarsest_stride}, its coarsest stride, and end above its "
            f"beginning. '{text}' does not."
        )
    return SizeRange((low, low), (high, high))
