"""Images and label maps read from files, whatever their modes.

An image's channels lie last in memory, as decoders make them: resizing and convolutions are quickest so.

Every failure is a DataError that names the file: an image that cannot be read is never skipped.
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
"""The file names' endings, lower case, that make a file in a folder an image."""

_SIXTEEN_BIT = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_UNPACKED_GREY = {"L;2": 85, "L;4": 17}  # Pillow stretches 2- and 4-bit grey to 0..255


def read_image(path: str | Path) -> Tensor:
    """(3,H,W) uint8 RGB of an image file, upright.

    Grey, palette, CMYK and 1-bit images become RGB, 16-bit grey is scaled (65535 becomes 255), transparency is
    dropped, and the rotation a camera noted in EXIF is applied.
    """
    with _opened(Path(path)) as image:
        return _to_rgb(image, str(path))


def to_image(source: str | Path | Image.Image | npt.NDArray[np.generic]) -> Tensor:
    """(3,H,W) uint8 RGB of what a user may hand over: a path, a PIL image, or a uint8 array (H,W) or (H,W,3) RGB."""
    if isinstance(source, str | Path):
        return read_image(source)
    if isinstance(source, Image.Image):
        return _to_rgb(source, "the PIL image")
    if not isinstance(source, np.ndarray):
        raise DataError(
            f"an image cannot be made of a {type(source).__name__}. Give a path, a PIL image, or a uint8 numpy array "
            f"of shape (H, W) or (H, W, 3) in RGB order."
        )
    if source.dtype != np.uint8 or source.size == 0 or not (source.ndim == 2 or source.shape[2:] == (3,)):
        raise DataError(
            f"an array of shape {source.shape} and type {source.dtype} is no image. Give a uint8 array of shape "
            f"(H, W) or (H, W, 3) in RGB order."
        )
    array = np.repeat(source[:, :, None], 3, 2) if source.ndim == 2 else source
    return torch.from_numpy(array.copy()).permute(2, 0, 1)


def read_label_map(path: str | Path) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """(H,W) uint8 or uint16: the ids stored in a grey (up to 16 bits) or palette file; a palette's colours are ignored.

    EXIF rotation is not applied: a label map is drawn on the upright image.
    """
    path = Path(path)
    with _opened(path) as image:
        stretch = _UNPACKED_GREY.get(_raw_mode(image), 1)
        mode = image.mode
        ids = np.array(image)
    if mode not in ("1", "L", "P", *_SIXTEEN_BIT) or (mode == "I" and (ids.min() < 0 or ids.max() > 65535)):
        raise DataError(
            f"{path}: a label map of mode {mode} holds no ids. Store one id per pixel in a grey PNG of 8 or 16 bits or "
            f"in a palette PNG."
        )
    if mode in _SIXTEEN_BIT:
        return ids.astype(np.uint16)
    return ids.astype(np.uint8) // stretch


def read_panoptic_map(path: str | Path) -> npt.NDArray[np.int32]:
    """(H,W) int32: the segment ids of a COCO panoptic PNG, R + 256 G + 65536 B; 0 is void."""
    path = Path(path)
    with _opened(path) as image:
        image.load()
        mode, (width, height) = image.mode, image.size
        pixels = image.tobytes("raw", "RGBX" if mode == "RGB" else mode)  # RGBX: four bytes, as Pillow holds RGB
    if mode not in ("RGB", "RGBA"):
        raise DataError(
            f"{path}: a panoptic map of mode {mode} holds no segment ids. Store them in an RGB PNG, as "
            f"R + 256 G + 65536 B."
        )
    ids: npt.NDArray[np.int32] = np.frombuffer(pixels, dtype="<i4").reshape(height, width) & 0xFFFFFF
    return ids


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The opened image; whatever goes wrong in opening or decoding it becomes a DataError that names the file."""
    try:
        with path.open("rb") as file, Image.open(file) as image:
            yield image
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file. Restore it, or correct the path.") from None
    except UnidentifiedImageError:
        raise DataError(
            f"{path}: this is no image, or of a format that cannot be read. Replace it, or take it out of the data."
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{path}: the image cannot be read ({reason}). Replace it, or take it out of the data."
        ) from None


def _raw_mode(image: Image.Image) -> str:
    """How the file packs its pixels, known only before they are decoded."""
    tiles = getattr(image, "tile", None)
    packing = tiles[0][3] if tiles else ""
    return packing if isinstance(packing, str) else str(packing[0]) if packing else ""


def _to_rgb(image: Image.Image, name: str) -> Tensor:
    """(3,H,W) uint8."""
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise DataError(f"{name}: an image of floating-point values has no known range. Store it with 8 or 16 bits.")
    if image.mode in _SIXTEEN_BIT:
        grey = np.asarray(image).astype(np.int64).clip(0)
        full = 65535 if grey.max() <= 65535 else 2**31 - 1
        image = Image.fromarray(np.rint(grey * (255 / full)).astype(np.uint8))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
