"""Strips and tiles of a TIFF file, decoded one by one: Pillow itself decodes compressed files as a whole.

Each strip or tile is an image of its own. It is put into a small TIFF in memory, with the tags that tell how to decode
it, so that Pillow's decoders serve for every compression.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Protocol

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from segkit.data.exif import is_upright
from segkit.types import Size

_WIDTH, _HEIGHT, _COMPRESSION, _COLORS, _SAMPLES, _PLANES = 256, 257, 259, 262, 277, 284
_STRIP_OFFSETS, _STRIP_ROWS, _STRIP_BYTES = 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 322, 323, 324, 325

_DECODING = (
    *(258, _COMPRESSION, _COLORS, 266, _SAMPLES, _PLANES, 317, 320, 338, 339),
    *(292, 293, 332, 347, 529, 530, 531, 532),  # of fax, CMYK, JPEG and YCbCr
)
"""Tags that tell how pixels are stored: bits, compression, colors, planes, prediction, palette and others."""

_OLD_JPEG = 6
"""A compression whose strips cannot be decoded one by one."""

_YCBCR = 6
"""Colors whose rows may share values."""

_ROWS = 64
"""Rows that are read together from a file of a single plain strip."""

_PARTS = 4
"""A file of fewer rows of strips or tiles is decoded as a whole: that takes little more memory than one of them."""


class Tiff(Protocol):
    """An opened TIFF file with the tags of its first image: Pillow's, or one that Pillow has no mode for."""

    @property
    def fp(self) -> IO[bytes] | None: ...

    @property
    def tag_v2(self) -> ImageFileDirectory_v2: ...

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...


@dataclass(frozen=True)
class Chunk:
    """One strip or tile."""

    top: int
    left: int
    size: Size
    """As stored: tiles may reach beyond the image."""
    places: tuple[tuple[int, int], ...]
    """Offset and number of bytes in the file, of each color plane that is stored apart."""


def is_divided(image: Image.Image) -> bool:
    """Returns whether an opened image is a TIFF whose strips or tiles can be decoded one by one.

    Example:
        >>> is_divided(Image.new("RGB", (4, 2)))
        False
    """
    if not isinstance(image, TiffImageFile) or not is_upright(image):
        return False
    # The range of 32-bit and floating-point values is that of the whole image.
    if image.mode in ("I", "F") or image.tag_v2.get(_COMPRESSION) == _OLD_JPEG:
        return False
    layout = _layout_of(image)
    return _PARTS * layout.height <= image.height and is_complete(image)


def is_complete(image: Tiff) -> bool:
    """Returns whether the tags of an image tell the place of each of its strips or tiles."""
    layout = _layout_of(image)
    if min(layout.width, layout.height) < 1:
        return False
    expected = layout.across * -(-image.height // layout.height) * layout.planes
    return len(layout.offsets) == len(layout.counts) == expected


def chunks_in(image: Tiff, top: int, bottom: int) -> Iterator[Chunk]:
    """Yields the strips or tiles of an image that `is_complete` with pixels in rows top..bottom."""
    layout = _layout_of(image)
    height, per_plane = layout.height, len(layout.offsets) // layout.planes
    for row in range(top // height, -(-bottom // height)):
        stored = height if layout.is_tiled else min(height, image.height - row * height)
        for column in range(layout.across):
            own = [row * layout.across + column + plane * per_plane for plane in range(layout.planes)]
            places = tuple((layout.offsets[number], layout.counts[number]) for number in own)
            yield Chunk(row * height, column * layout.width, (stored, layout.width), places)


def decoded(image: TiffImageFile, chunk: Chunk) -> Image.Image:
    """Decodes a strip or tile of an opened image.

    Raises:
        OSError: The file ends before its pixels, or they are damaged.
    """
    known = [tag for tag in _DECODING if tag in image.tag_v2]
    tags = {tag: (image.tag_v2.tagtype[tag], image.tag_v2[tag]) for tag in known}
    return decode_values(tags, chunk.size, [stored_bytes(image, *place) for place in chunk.places], image)


def decode_values(tags: Mapping[int, tuple[int, Any]], size: Size, data: Sequence[bytes], origin: Tiff) -> Image.Image:
    """Decodes the values of a strip or tile as an image of its own.

    Args:
        tags: Tag -> type and value: how values are stored.
        size: Height and width of the image.
        data: The values of each color plane that is stored apart.
        origin: The file, whose order of bytes the values have.

    Raises:
        OSError: The values end too early, or are damaged.
    """
    directory = ImageFileDirectory_v2(prefix=origin.tag_v2.prefix)
    for tag, (kind, value) in tags.items():
        directory.tagtype[tag] = kind
        directory[tag] = value
    height, width = size
    starts = [sum(map(len, data[:number])) for number in range(len(data))]
    for tag, values in {
        _WIDTH: [width],
        _HEIGHT: [height],
        _STRIP_ROWS: [height],
        _STRIP_OFFSETS: starts,  # from the end of the directory, as `save` wants them
        _STRIP_BYTES: list(map(len, data)),
    }.items():
        directory.tagtype[tag] = 4
        directory[tag] = tuple(values)
    file = io.BytesIO()
    directory.save(file)
    file.write(b"".join(data))
    file.seek(0)
    with Image.open(file, formats=["TIFF"]) as part:
        part.load()
        return part


def stored_bytes(image: Tiff, offset: int, count: int) -> bytes:
    """Reads bytes of the file.

    Raises:
        OSError: The file ends before them.
    """
    assert image.fp is not None, "the image is open"
    image.fp.seek(offset)
    data = image.fp.read(count)
    if not data or len(data) < count:
        raise OSError(f"the file ends before its pixels: {len(data)} of {count} bytes at {offset}")
    return data


@dataclass(frozen=True)
class _Layout:
    """Where the strips or tiles of a file lie."""

    width: int
    height: int
    """Of each; the last strip may be lower."""
    across: int
    """Number of tiles that lie side by side."""
    planes: int
    """Number of color planes that are stored apart, one after the other."""
    is_tiled: bool
    offsets: Sequence[int]
    counts: Sequence[int]
    """Bytes of each."""


def _layout_of(image: Tiff) -> _Layout:
    tags = image.tag_v2
    planes = int(tags.get(_SAMPLES, 1)) if tags.get(_PLANES) == 2 else 1
    if _TILE_OFFSETS in tags:
        width, height = int(tags.get(_TILE_WIDTH, 0)), int(tags.get(_TILE_HEIGHT, 0))
        across = -(-image.width // max(1, width))
        return _Layout(width, height, across, planes, True, _numbers(tags, _TILE_OFFSETS), _numbers(tags, _TILE_BYTES))
    height = min(int(tags.get(_STRIP_ROWS, image.height)), image.height)
    offsets, counts = _numbers(tags, _STRIP_OFFSETS), _numbers(tags, _STRIP_BYTES)
    # Of values that are stored plainly, any rows can be read.
    is_plain = tags.get(_COMPRESSION, 1) == 1 and tags.get(_COLORS) != _YCBCR
    if is_plain and height == image.height and all(count % height == 0 for count in counts):
        tops = range(0, height, _ROWS)
        pairs = [(start, count // height) for start, count in zip(offsets, counts, strict=False)]
        offsets = tuple(start + top * row for start, row in pairs for top in tops)
        counts = tuple(min(_ROWS, height - top) * row for _, row in pairs for top in tops)
        height = min(_ROWS, height)
    return _Layout(image.width, height, 1, planes, False, offsets, counts)


def _numbers(tags: ImageFileDirectory_v2, name: int) -> tuple[int, ...]:
    values = tags.get(name, ())
    return values if isinstance(values, tuple) else (values,)
