"""TIFF files of any number of bands, of 8 or 16 bits, read as they are stored: Pillow opens at most four bands.

Each strip or tile is decoded by Pillow as a gray image: one per plane where bands are stored apart, and one that is C
times as wide where the C values of a pixel lie side by side.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from segkit.data.npy_files import Pixels
from segkit.data.tiff_chunks import Chunk, chunks_in, decode_values, is_complete, stored_bytes
from segkit.errors import join_first
from segkit.runtime.reading import open_file
from segkit.types import PixelFormat, Size

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _COLORS, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_ORIENTATION, _SAMPLES, _PREDICTOR, _SAMPLE_FORMAT = 274, 277, 317, 339

_SHORT = 3
"""The type of a tag whose values have 16 bits."""

_BIG = 43
"""The number of BigTIFF in the head of a file; its head has 16 bytes."""

_JPEG = (6, 7)
"""Compressions of images, not of values."""

_COLORED = {3: "indices of a palette", 6: "YCbCr"}
"""Color spaces whose values are no bands."""

_KINDS = {1: "unsigned", 2: "signed", 3: "floating-point"}


@dataclass(frozen=True)
class BandTiff:
    """An opened TIFF file with the tags of its first image."""

    fp: BinaryIO
    tag_v2: ImageFileDirectory_v2
    width: int
    height: int
    pixels: PixelFormat


@contextmanager
def opened_tiff(path: Path) -> Iterator[BandTiff]:
    """Opens a TIFF or BigTIFF file.

    Raises:
        OSError: it cannot be opened, or ends too early.
        SyntaxError: it is none.
        ValueError: its values are not read; the message says why.
    """
    with open_file(path) as file:
        head = file.read(8)
        if _BIG in head[2:4]:
            head += file.read(8)
        tags = ImageFileDirectory_v2(head)
        file.seek(tags.next)
        with warnings.catch_warnings():  # of tags that are cut off, which the checks below find
            warnings.simplefilter("ignore")
            tags.load(file)
        tiff = BandTiff(file, tags, int(tags.get(_WIDTH, 0)), int(tags.get(_HEIGHT, 0)), _pixels_of(tags))
        if min(tiff.width, tiff.height) < 1 or not is_complete(tiff):
            raise ValueError("its tags do not tell the place of each strip or tile")
        yield tiff


def _pixels_of(tags: ImageFileDirectory_v2) -> PixelFormat:
    bits, kinds = sorted(set(_all(tags, _BITS))), sorted(set(_all(tags, _SAMPLE_FORMAT)))
    if len(bits) > 1 or not set(bits) <= {8, 16} or kinds != [1]:
        raise ValueError(
            f"{_KINDS.get(kinds[-1], 'other')} values of {join_first(bits)} bits. Store unsigned ones of 8 or 16 bits"
        )
    if tags.get(_COMPRESSION) in _JPEG:
        raise ValueError("bands compressed as JPEG are not read. Compress them as DEFLATE or LZW")
    if tags.get(_COLORS) in _COLORED:
        raise ValueError(f"{_COLORED[tags[_COLORS]]} are no bands. Store the values of each band")
    if tags.get(_ORIENTATION, 1) != 1:
        raise ValueError("its orientation tag turns the image. Store it upright")
    return PixelFormat(int(tags.get(_SAMPLES, 1)), "uint8" if bits == [8] else "uint16")


def _all(tags: ImageFileDirectory_v2, tag: int) -> tuple[int, ...]:
    """Returns the values of a tag, one per band; 1 where it is missing."""
    values = tags.get(tag, 1)
    return values if isinstance(values, tuple) else (values,)


def read_bands(tiff: BandTiff, top: int, bottom: int) -> Pixels:
    """Returns the pixels (bottom - top, W, C) of some rows.

    Raises:
        OSError: the file ends before its pixels, or they are damaged.
    """
    rows: Any = np.zeros((bottom - top, tiff.width, tiff.pixels.channels), dtype=tiff.pixels.type)
    for chunk in chunks_in(tiff, top, bottom):
        part = _decoded(tiff, chunk)
        first, last = max(top, chunk.top), min(bottom, chunk.top + chunk.size[0])
        right = min(chunk.left + chunk.size[1], tiff.width)
        part = part[first - chunk.top : last - chunk.top, : right - chunk.left]
        rows[first - top : last - top, chunk.left : right] = part
    pixels: Pixels = rows
    return pixels


def _decoded(tiff: BandTiff, chunk: Chunk) -> Any:
    """Returns the pixels (h, w, C) of a strip or tile."""
    each = tiff.pixels.channels // len(chunk.places)
    planes = [_plane(tiff, place, chunk.size, each) for place in chunk.places]
    return planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2)


def _plane(tiff: BandTiff, place: tuple[int, int], size: Size, channels: int) -> Any:
    """Returns the values (h, w, channels) that are stored at one place."""
    height, width = size
    tags = {_BITS: 8 * tiff.pixels.dtype.itemsize, _COLORS: 1, _SAMPLES: 1}
    tags |= {tag: tiff.tag_v2[tag] for tag in (_COMPRESSION, _FILL_ORDER) if tag in tiff.tag_v2}
    stored = {tag: (_SHORT, (value,)) for tag, value in tags.items()}
    image = decode_values(stored, (height, width * channels), [stored_bytes(tiff, *place)], tiff)
    values = np.asarray(image).astype(tiff.pixels.type).reshape(height, width, channels)
    if tiff.tag_v2.get(_PREDICTOR, 1) == 2:
        # Stored are the differences to the pixel on the left. A gray image would take them to the value on the left.
        values = np.cumsum(values, axis=1, dtype=values.dtype)
    return values
