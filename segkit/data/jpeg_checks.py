"""A check of JPEG files that Pillow leaves out: rows that are missing before the mark of the end are gray."""

import io
from typing import BinaryIO

from PIL import Image

_END = b"\xff\xd9"
"""The mark of the end."""

_FILLER = bytes(range(1, 0x7F)) * 4
"""Bytes that decode to anything but plain gray."""

_GRAY = 128
"""The value of missing pixels."""

_CORNER = (32, 8)
"""Columns and rows at the bottom right that are gray where pixels are missing."""

_MOST_PIXELS = 1 << 26
"""Larger images are not decoded twice: they would take too much memory."""


def check_jpeg_rows(image: Image.Image, file: BinaryIO) -> None:
    """Checks that the pixels of a decoded JPEG are all in its file. Other files, and those not yet decoded, pass.

    Decoders leave missing pixels gray and say nothing. So images that end in this gray are decoded again with more data
    before the mark of the end: a complete image is the same. Of progressive files, missing parts of the first pass are
    found; those of later ones cost sharpness alone.

    Args:
        image: As Pillow opened it.
        file: The file that it was opened from.

    Raises:
        SyntaxError: Pixels are missing.
    """
    if image.format != "JPEG" or getattr(image, "tile", True) or image.width * image.height > _MOST_PIXELS:
        return
    if not _ends_in_gray(image):
        return
    file.seek(0)
    before, mark, after = file.read().rpartition(_END)
    with Image.open(io.BytesIO(before + _FILLER + mark + after), formats=["JPEG"]) as filled:
        if mark and filled.tobytes() != image.tobytes():
            raise SyntaxError("its pixels are incomplete: the last ones are missing")


def _ends_in_gray(image: Image.Image) -> bool:
    columns, rows = _CORNER
    corner = image.crop((max(0, image.width - columns), max(0, image.height - rows), image.width, image.height))
    return corner.getextrema() in ((_GRAY, _GRAY), ((_GRAY, _GRAY),) * 3)
