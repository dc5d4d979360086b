"""Image files read as they are stored: any number of channels of 8 or 16 bits, nothing scaled or converted."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from segkit.data.exif import upright
from segkit.data.image_rows import ImageRows
from segkit.data.images import SIXTEEN_BIT, refuse_address
from segkit.data.npy_files import SUFFIX, Pixels, map_npy
from segkit.data.opening import explained, opened, refuse_large
from segkit.data.tiff_bands import opened_tiff, read_bands
from segkit.errors import DataError
from segkit.types import PixelFormat, Size

_TIFF = (".tif", ".tiff")

_MODES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
"""Pillow's modes of 8-bit values -> channels."""


def band_rows(path: Path, expected: PixelFormat, max_pixels: int | None = None) -> ImageRows:
    """Opens an image file of `expected` channels and type, whose rows are needed one after the other.

    These are `.npy` files of arrays (H, W, C), TIFF files of any number of bands, and other formats of up to four
    channels of 8 bits or one of 16. Of the first two, rows are read when they are needed.

    Args:
        path: The file.
        expected: What the file must hold.
        max_pixels: The file is refused if it has more pixels (see `segkit.data.opening.opened`).

    Raises:
        DataError: the file is missing, too large, broken or no image, or it holds other channels or values.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/a.npy", np.full((20, 4, 5), 60000, dtype=np.uint16))
        ...     band_rows(Path(folder, "a.npy"), PixelFormat(5, "uint16")).read(3, 5).shape
        torch.Size([5, 2, 4])
    """
    refuse_address(path)
    suffix = path.suffix.lower()
    with explained(path):
        if suffix == SUFFIX:
            rows: _Bands | _Tiff = _Bands(map_npy(path))
        elif suffix in _TIFF:
            rows = _Tiff(path)
        else:
            rows = _Bands(_decoded(path, max_pixels))
        refuse_large(path, rows.size, max_pixels)
    if rows.pixels != expected:
        raise DataError(
            f"{path}: the file holds {rows.pixels}, not {expected}. Store all images of a dataset alike; its settings "
            "`channels` and `pixel_type` say what they hold, and a model takes as many channels as its pixel_mean has "
            "numbers."
        )
    return rows


def is_read_in_rows(path: Path) -> bool:
    """Tells whether rows of a file are read without decoding all of it.

    Example:
        >>> is_read_in_rows(Path("a.npy")), is_read_in_rows(Path("a.png"))
        (True, False)
    """
    return path.suffix.lower() in (SUFFIX, *_TIFF)


class _Bands(ImageRows):
    """Pixels (H, W, C) in memory, or in a file that is mapped to it."""

    def __init__(self, values: Pixels) -> None:
        super().__init__((values.shape[0], values.shape[1]))
        self.pixels = PixelFormat(values.shape[2], "uint8" if values.dtype.itemsize == 1 else "uint16")
        self._values = values

    def read(self, top: int, bottom: int) -> Tensor:
        return _tensor(self._values[top:bottom])


class _Tiff(ImageRows):
    """A TIFF whose strips or tiles are decoded when their rows are read."""

    def __init__(self, path: Path) -> None:
        with opened_tiff(path) as tiff:
            self.pixels = tiff.pixels
            size: Size = tiff.height, tiff.width
        super().__init__(size)
        self._path = path

    def read(self, top: int, bottom: int) -> Tensor:
        with explained(self._path), opened_tiff(self._path) as tiff:
            return _tensor(read_bands(tiff, top, bottom))


def _tensor(values: Pixels) -> Tensor:
    """Returns pixels (H, W, C) as (C, H, W), in memory of their own and in this machine's order of bytes."""
    plain: Any = np.array(values, dtype=values.dtype.newbyteorder("="), order="C")
    return torch.from_numpy(plain).permute(2, 0, 1)


def _decoded(path: Path, max_pixels: int | None) -> Pixels:
    """Decodes a file that Pillow reads.

    Raises ValueError where its values are no bands.
    """
    with opened(path, max_pixels) as image:
        packing = _packing(image)
        whole = upright(image)
        if whole.mode in SIXTEEN_BIT:
            gray: Any = np.asarray(whole)
            if gray.min() < 0 or gray.max() > np.iinfo(np.uint16).max:
                raise ValueError("values of 32 bits. Store 8 or 16 bits")
            return gray.astype(np.uint16)[..., None]  # type: ignore[no-any-return]
        if whole.mode not in _MODES:
            raise ValueError(f"pixels of Pillow's mode {whole.mode} are no bands. Store the values of each channel")
        if ";16" in packing:
            raise ValueError(
                "several channels of 16 bits, of which Pillow reads 8 bits in this format. Store a TIFF or .npy file"
            )
        values: Any = np.asarray(whole)
        return values.reshape(whole.height, whole.width, _MODES[whole.mode])  # type: ignore[no-any-return]


def _packing(image: Image.Image) -> str:
    """Returns how a file that is not decoded yet packs its pixels, such as `RGB;16B`."""
    tiles: Any = getattr(image, "tile", None)
    packing = tiles[0][3] if tiles else ""
    return packing if isinstance(packing, str) else str(packing[0]) if packing else ""
