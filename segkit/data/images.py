"""Images, label maps and panoptic maps, read from files of any mode.

Every failure is a DataError that names the file: an image that cannot be read is never skipped. Channels lie last in
memory, as decoders write them, since resizing and convolutions are fastest so.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from segkit.errors import DataError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm"})
"""Suffixes, in lower case, of the files in a folder that are images."""

_SIXTEEN_BIT = ("I", "I;16", "I;16B", "I;16L", "I;16N")

_STRETCH_OF_MODE = {"L;2": 85, "L;4": 17}
"""Pillow multiplies the values of 2-bit and 4-bit grayscale by these, so that they span 0..255."""

_REPLACE = "Replace it or remove it from the dataset."
_ARRAY = "a uint8 {}array of shape (H, W) or (H, W, 3) in RGB order."


def read_image(path: str | Path) -> Tensor:
    """Reads an image file as (3, H, W) uint8 RGB, upright.

    Grayscale, palette, CMYK and 1-bit images become RGB. 16-bit values are scaled (65535 becomes 255). Transparency is
    dropped. The rotation that a camera noted in EXIF is applied.

    Raises:
        DataError: the file is missing, broken, or no image.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("L", (4, 2), 90).save(f"{folder}/a.png")
        ...     read_image(f"{folder}/a.png").shape
        torch.Size([3, 2, 4])
    """
    with _opened(Path(path)) as image:
        return _to_rgb(image, str(path))


def to_image(source: str | Path | Image.Image | npt.NDArray[np.generic]) -> Tensor:
    """Converts a path, a PIL image or a uint8 array (H, W) or (H, W, 3) RGB to (3, H, W) uint8 RGB.

    Raises:
        DataError: the source is none of these, or its file cannot be read.

    Example:
        >>> to_image(np.zeros((2, 4), dtype=np.uint8)).shape
        torch.Size([3, 2, 4])
    """
    if isinstance(source, str | Path):
        return read_image(source)
    if isinstance(source, Image.Image):
        return _to_rgb(source, "the PIL image")
    if not isinstance(source, np.ndarray):
        raise DataError(
            f"a value of type {type(source).__name__} is not an image. Give a path, a PIL image, or "
            + _ARRAY.format("numpy ")
        )
    if source.dtype != np.uint8 or source.size == 0 or not (source.ndim == 2 or source.shape[2:] == (3,)):
        raise DataError(
            f"an array of shape {source.shape} and type {source.dtype} is not an image. Give " + _ARRAY.format("")
        )
    array = np.repeat(source[:, :, None], 3, 2) if source.ndim == 2 else source  # (H, W, 3)
    return torch.from_numpy(array.copy()).permute(2, 0, 1)


def read_label_map(path: str | Path) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Reads the ids (H, W) uint8 or uint16 of a grayscale file of up to 16 bits, or of a palette file.

    Colors of a palette are ignored: its indices are the ids. EXIF rotation is not applied, since annotation tools draw
    label maps on the upright image.

    Raises:
        DataError: the file is missing, broken, or in color.
    """
    path = Path(path)
    with _opened(path) as image:
        stretch = _STRETCH_OF_MODE.get(_raw_mode(image), 1)
        mode = image.mode
        ids = np.array(image)
    if mode not in ("1", "L", "P", *_SIXTEEN_BIT) or (mode == "I" and (ids.min() < 0 or ids.max() > 65535)):
        raise DataError(
            f"{path}: a label map of mode {mode} holds no ids. Store one id per pixel in a grayscale PNG of 8 or 16 "
            f"bits, or in a palette PNG."
        )
    if mode in _SIXTEEN_BIT:
        return ids.astype(np.uint16)
    return ids.astype(np.uint8) // stretch


def read_panoptic_map(path: str | Path) -> npt.NDArray[np.int32]:
    """Reads the segment ids (H, W) int32 of a COCO panoptic PNG: R + 256 G + 65536 B. 0 is void.

    Raises:
        DataError: the file is missing, broken, or not RGB.
    """
    path = Path(path)
    with _opened(path) as image:
        image.load()
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


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Opens an image. Errors in opening and in decoding inside the `with` block become a DataError with the path."""
    try:
        with path.open("rb") as file, Image.open(file) as image:
            yield image
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file. Restore it or correct the path.") from None
    except UnidentifiedImageError:
        raise DataError(f"{path}: this is not an image, or its format cannot be read. {_REPLACE}") from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError) as error:
        # Pillow's decoders raise all of these for broken files.
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot read the image ({reason}). {_REPLACE}") from None


def _raw_mode(image: Image.Image) -> str:
    """Returns the packing of pixels in the file. Pillow forgets it once they are decoded."""
    tiles = getattr(image, "tile", None)
    packing = tiles[0][3] if tiles else ""
    return packing if isinstance(packing, str) else str(packing[0]) if packing else ""


def _to_rgb(image: Image.Image, name: str) -> Tensor:
    """Converts an image of any mode to (3, H, W) uint8."""
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise DataError(f"{name}: an image of floating-point values has no known range. Store it with 8 or 16 bits.")
    if image.mode in _SIXTEEN_BIT:
        # Pillow itself would clip to 255. Values above 65535 mean that the file has 32 bits.
        gray = np.asarray(image).astype(np.int64).clip(0)
        maximum = 65535 if gray.max() <= 65535 else 2**31 - 1
        image = Image.fromarray(np.rint(gray * (255 / maximum)).astype(np.uint8))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # a direct conversion to RGB warns
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
