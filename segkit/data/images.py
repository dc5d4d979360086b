"""Images and panoptic maps, read from files of any mode. For label maps see `segkit.data.label_maps`.

Every failure is a DataError that names the file: an image that cannot be read is never skipped. Channels lie last in
memory, as decoders write them, since resizing and convolutions are fastest so.
"""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from segkit.data.exif import upright
from segkit.data.opening import opened
from segkit.errors import DataError

SIXTEEN_BIT = ("I", "I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes of gray values with more than 8 bits."""

PIXELS_AT_A_TIME = 1 << 22
"""Number of pixels that are converted at a time."""

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""What an address on the web begins with; `Path` turns two slashes into one."""


def read_image(path: str | Path, max_pixels: int | None = None) -> Tensor:
    """Reads an image file as (3, H, W) uint8 RGB, upright.

    Grayscale, palette, CMYK and 1-bit images become RGB. 16-bit values are scaled (65535 becomes 255). Transparency is
    dropped. The rotation that a camera noted in EXIF is applied.

    Args:
        path: The file.
        max_pixels: The file is refused if it has more pixels (see `segkit.data.opening.opened`).

    Raises:
        DataError: the file is missing, too large, broken, or no image.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("L", (4, 2), 90).save(f"{folder}/a.png")
        ...     read_image(f"{folder}/a.png").shape
        torch.Size([3, 2, 4])
    """
    refuse_address(path)
    with opened(Path(path), max_pixels) as image:
        return to_rgb(image, str(path))


def refuse_address(path: str | Path) -> None:
    """Refuses an address on the web as the path of an image.

    Raises:
        DataError: the path is one, and there is no such file.

    Example:
        >>> refuse_address("https://example.org/street.jpg")
        Traceback (most recent call last):
        segkit.errors.DataError: https://example.org/street.jpg: this is an address, and segkit loads nothing from the \
network. Download the file and give its path.
    """
    if ADDRESS.match(str(path)) and not Path(path).exists():
        raise DataError(
            f"{path}: this is an address, and segkit loads nothing from the network. Download the file and give its "
            "path."
        )


def read_panoptic_map(path: str | Path) -> npt.NDArray[np.int32]:
    """Reads the segment ids (H, W) int32 of a COCO panoptic PNG: R + 256 G + 65536 B. 0 is void. It is turned upright.

    Raises:
        DataError: the file is missing, broken, or not RGB.
    """
    path = Path(path)
    with opened(path) as image:
        image = upright(image)
        mode, (width, height) = image.mode, image.size
        # Four bytes per pixel, as Pillow holds RGB in memory, are one little-endian int32 each.
        pixels = image.tobytes("raw", "RGBX" if mode == "RGB" else mode)
    if mode not in ("RGB", "RGBA"):
        raise DataError(
            f"{path}: a panoptic map of mode {mode} holds no segment ids. Store them in an RGB PNG, as "
            f"R + 256 G + 65536 B."
        )
    # The mask removes the fourth byte.
    ids: npt.NDArray[np.int32] = np.frombuffer(pixels, dtype="<i4").reshape(height, width) & 0xFFFFFF
    return ids


def to_rgb(image: Image.Image, name: str) -> Tensor:
    """Converts an image of any mode to (3, H, W) uint8, upright."""
    image = upright_8_bit(image, name)
    return rgb_rows(image, 0, image.height)


def upright_8_bit(image: Image.Image, name: str) -> Image.Image:
    """Decodes an image, turns it upright and scales its values to 8 bits; what is left to convert is its colors.

    Raises:
        DataError: its values are floating-point numbers.
    """
    image = upright(image)
    if image.mode == "F":
        raise DataError(f"{name}: an image of floating-point values has no known range. Store it with 8 or 16 bits.")
    if image.mode in SIXTEEN_BIT:
        image = Image.fromarray(_scaled(np.asarray(image)))
    return image


def rgb_rows(image: Image.Image, top: int, bottom: int) -> Tensor:
    """Returns rows top..bottom of an image of `upright_8_bit` as (3, bottom - top, W) uint8.

    Example:
        >>> rgb_rows(Image.new("L", (2, 3), 9), 1, 3).shape
        torch.Size([3, 2, 2])
    """
    rgb = np.empty((bottom - top, image.width, 3), dtype=np.uint8)
    # In bands, so that an image of any size takes little more memory than Pillow's pixels and the result.
    step = max(1, PIXELS_AT_A_TIME // image.width)
    for start in range(top, bottom, step):
        stop = min(start + step, bottom)
        whole = stop - start == image.height
        band = image if whole else image.crop((0, start, image.width, stop))
        if band.mode == "P" and "transparency" in band.info:
            band = band.convert("RGBA")  # a direct conversion to RGB warns
        rgb[start - top : stop - top] = np.asarray(band if band.mode == "RGB" else band.convert("RGB"))
    return torch.from_numpy(rgb).permute(2, 0, 1)


def _scaled(gray: npt.NDArray[np.integer]) -> npt.NDArray[np.uint8]:
    """Scales gray values (H, W) of 16 or 32 bits to 8. Pillow itself would clip to 255."""
    if gray.dtype.kind == "i":
        gray = gray.clip(0)
        if gray.max() > 65535:  # the file has 32 bits
            wide: npt.NDArray[np.uint8] = np.rint(gray * (255 / (2**31 - 1))).astype(np.uint8)
            return wide
    table = np.rint(np.arange(65536) * (255 / 65535)).astype(np.uint8)
    scaled: npt.NDArray[np.uint8] = table[gray.astype(np.uint16, copy=False)]
    return scaled
