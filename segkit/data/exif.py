"""The orientation of an image, and nothing else of its metadata.

Pillow decodes every tag of an EXIF block to turn an image upright, and one malformed tag makes the image unreadable.
Cameras and editors write many of those, so only the one tag is read here.
"""

import re
import struct

from PIL import Image

_ORIENTATION = 0x0112

_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f"}
"""Number types of EXIF that fit the four bytes of an entry -> their code in `struct`."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Orientation -> what turns the image upright. 1 and all other values leave it as it is."""


def upright(image: Image.Image) -> Image.Image:
    """Returns an image turned upright by its EXIF orientation; unchanged if the metadata cannot be read.

    Example:
        >>> image = Image.new("RGB", (4, 2))
        >>> image.info["exif"] = b"II*\\0\\x08\\0\\0\\0" + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)
        >>> upright(image).size
        (2, 4)
    """
    image.load()  # formats such as TIFF apply their own orientation here, PNG may bring its EXIF block only now
    turn = _TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def is_upright(image: Image.Image) -> bool:
    """Returns whether neither the file nor `upright` turns an image that is opened and not yet decoded.

    Example:
        >>> is_upright(Image.new("RGB", (4, 2)))
        True
    """
    tags = image.getexif() if image.format == "TIFF" else {}
    return _orientation(image) not in _TURNS and tags.get(_ORIENTATION, 1) not in _TURNS


def _orientation(image: Image.Image) -> int:
    found = orientation_of(_exif_block(image))
    if found is not None:
        return found
    for key in ("XML:com.adobe.xmp", "xmp"):
        text = image.info.get(key) or ""
        match = re.search(r'tiff:Orientation(?:="|>)([0-9])', text if isinstance(text, str) else text.decode("latin-1"))
        if match:
            return int(match[1])
    return 1


def _exif_block(image: Image.Image) -> bytes:
    block = image.info.get("exif")
    if isinstance(block, bytes):
        return block
    # ImageMagick writes the block into PNG as hexadecimal text below three lines of its own.
    text = image.info.get("Raw profile type exif")
    try:
        return bytes.fromhex("".join(text.split("\n")[3:])) if isinstance(text, str) else b""
    except ValueError:
        return b""


def orientation_of(block: bytes) -> int | None:
    """Returns the orientation of an EXIF block, None where it has none or is damaged before it.

    Example:
        >>> orientation_of(b"garbage") is None
        True
    """
    while block.startswith(b"Exif\0\0"):
        block = block[6:]
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, values = struct.unpack_from(order + "HHI", block, entry)
            if tag == _ORIENTATION:
                if kind not in _NUMBERS or values < 1:
                    return None
                # More than fit the entry lie elsewhere. One value is all that the standard allows.
                place = entry + 8
                if struct.calcsize(_NUMBERS[kind]) * values > 4:
                    (place,) = struct.unpack_from(order + "I", block, place)
                (value,) = struct.unpack_from(order + _NUMBERS[kind], block, place)
                return int(value) if value in _TURNS else 1
    except struct.error:  # the block ends too early
        pass
    return None
