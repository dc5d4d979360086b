"""Checks of PNG files that Pillow leaves out: it skips the checksums of pixels, and missing rows stay black."""

import os
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Color type of a PNG -> values per pixel."""

_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7: first column and row, and the steps to the next ones, of each pass of an interlaced PNG."""

_PART = 1 << 20
"""Bytes that are read or inflated at a time: a chunk may be as large as the file."""


def check_png(file: BinaryIO) -> None:
    """Verifies the checksums of a PNG's pixels. Other files pass.

    Raises:
        SyntaxError: one is wrong. Pillow raises the same for the other chunks.
    """
    left = os.fstat(file.fileno()).st_size - len(_SIGNATURE)
    name = b"" if file.read(len(_SIGNATURE)) == _SIGNATURE else b"IEND"
    while name != b"IEND" and left >= 12:
        length, name = int.from_bytes(file.read(4), "big"), file.read(4)
        left -= 12 + length
        if left < 0:  # of a truncated file, Pillow's message says more
            break
        if name == b"IDAT":
            _check_chunk(file, length, zlib.crc32(name))
        else:  # the other chunks are Pillow's to check
            file.seek(length + 4, os.SEEK_CUR)
    file.seek(0)


def check_png_rows(image: Image.Image, file: BinaryIO) -> None:
    """Checks that the pixels of a decoded PNG are all in its file. Other files, and those not yet decoded, pass.

    Rows that are missing are black, so only images whose last rows are black are inflated again and counted.

    Args:
        image: As Pillow opened it.
        file: The file that it was opened from.

    Raises:
        SyntaxError: there are fewer.
    """
    if image.format != "PNG" or getattr(image, "tile", True):
        return
    # Of an interlaced PNG, one of the last two rows comes with the last pass.
    if all(_any_in_row(image, row) for row in range(max(0, image.height - 2), image.height)):
        return
    expected, inflater, found = _expected_bytes(file), zlib.decompressobj(), 0
    for part in _pixel_parts(file):
        while part and found < expected:
            found += len(inflater.decompress(part, _PART))
            part = inflater.unconsumed_tail
    found += len(inflater.flush()) if found < expected else 0
    if found < expected:
        raise SyntaxError(f"its pixels are incomplete: {found} of {expected} bytes")


def _any_in_row(image: Image.Image, row: int) -> bool:
    return bool(any(image.crop((0, row, image.width, row + 1)).tobytes()))


def _expected_bytes(file: BinaryIO) -> int:
    """Returns the number of bytes of all rows, each with the number of its filter."""
    file.seek(len(_SIGNATURE) + 8)
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", file.read(13))
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * depth * _CHANNELS[color] + 7) // 8)
    return total


def _pixel_parts(file: BinaryIO) -> Iterator[bytes]:
    """Yields the compressed pixels."""
    file.seek(len(_SIGNATURE))
    while len(head := file.read(8)) == 8 and head[4:] != b"IEND":
        length = int.from_bytes(head[:4], "big")
        end = file.tell() + length + 4
        while head[4:] == b"IDAT" and length > 0 and (part := file.read(min(length, _PART))):
            length -= len(part)
            yield part
        file.seek(end)


def _check_chunk(file: BinaryIO, length: int, checksum: int) -> None:
    while length > 0:  # in parts, since a chunk may be as large as the file
        part = file.read(min(length, _PART))
        length -= len(part)
        checksum = zlib.crc32(part, checksum)
    if checksum != int.from_bytes(file.read(4), "big"):
        raise SyntaxError("its pixels are damaged: a checksum of the PNG is wrong")
