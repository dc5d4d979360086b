"""What the label files of a folder hold: ids of classes, numbers of instances, or colors."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from segkit.data.label_maps import holds_colors, read_color_map, read_label_map
from segkit.data.sampling import percent
from segkit.errors import join_first

Kind = Literal["ids", "thousands", "channels", "colors"]

_LOOKED_AT = 32
"""Label files that are read."""

_THOUSAND = 1000
"""Of the values of Cityscapes' instances: 1000 times the class plus a number."""


@dataclass(frozen=True)
class LabelValues:
    """The values of some label files."""

    kind: Kind
    """`ids` of classes or instances; `thousands` and `channels`, which name class and instance; or `colors`."""
    pixels: Counter[int]
    """Number of pixels by value; colors are R + 256 G + 65536 B."""

    @property
    def in_words(self) -> str:
        """The values and their fractions of all pixels, the most frequent ones first.

        Example:
            >>> LabelValues("ids", Counter({0: 3, 7: 1})).in_words
            '0 (75 %), 7 (25 %)'
        """
        total = self.pixels.total()
        return join_first(
            [f"{value} ({percent(count / total)})" for value, count in sorted(self.pixels.items(), key=_rank)]
        )

    @property
    def class_ids(self) -> list[int]:
        """The ids of classes among the values, ascending. Of instances, those that have a number."""
        if self.kind == "thousands":
            return sorted(self.numbered)
        if self.kind == "channels":
            return sorted({value & 255 for value in self.pixels if value})
        return sorted(self.pixels)

    @property
    def numbered(self) -> set[int]:
        """Of thousands, the ids of classes whose instances have numbers."""
        return {value // _THOUSAND for value in self.pixels if value >= _THOUSAND}

    @property
    def unnumbered(self) -> set[int]:
        """Of thousands, the ids of classes that pixels have without the number of an instance, except 0.

        Example:
            >>> values = LabelValues("thousands", Counter({0: 5, 7: 4, 26: 1, 26001: 3}))
            >>> values.numbered, values.unnumbered
            ({26}, {26, 7})
        """
        return {value for value in self.pixels if 0 < value < _THOUSAND} if self.kind == "thousands" else set()


def _rank(item: tuple[int, int]) -> tuple[int, int]:
    """Puts the most frequent value first, and the smaller of two that are as frequent."""
    return -item[1], item[0]


def read_values(files: Sequence[Path]) -> LabelValues:
    """Reads some of the label files.

    Raises:
        DataError: a file cannot be read, or holds neither ids nor colors.
    """
    chosen = files[:: max(1, len(files) // _LOOKED_AT)][:_LOOKED_AT]
    if any(map(_is_colored, chosen)):
        pixels = sum((_counted(read_color_map(file)) for file in chosen), Counter[int]())
        return LabelValues("channels" if _are_channels(pixels) else "colors", pixels)
    pixels = sum((_counted(read_label_map(file)) for file in chosen), Counter[int]())
    return LabelValues("thousands" if max(pixels) >= _THOUSAND else "ids", pixels)


def _is_colored(file: Path) -> bool:
    """Returns whether a file holds colors that are not gray."""
    if not holds_colors(file):
        return False
    codes = np.unique(read_color_map(file))
    return bool(((codes & 255) != (codes >> 8 & 255)).any() or ((codes & 255) != codes >> 16).any())


def _counted(values: npt.NDArray[np.generic]) -> Counter[int]:
    found, counts = np.unique(values, return_counts=True)
    return Counter(dict(zip(found.tolist(), counts.tolist(), strict=True)))


def _are_channels(pixels: Counter[int]) -> bool:
    """Returns whether red may be a class and green the number of an instance.

    Each value but black has both, and none has blue. Of colors, some would have no red or no green.
    """
    codes = [code for code in pixels if code]
    numbers = {code >> 8 & 255 for code in codes}
    return bool(codes) and all(code >> 16 == 0 and code & 255 and code >> 8 for code in codes) and 1 in numbers
