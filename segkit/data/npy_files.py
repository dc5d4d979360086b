"""NumPy's `.npy` files as images: height x width x channels, of 8 or 16 bits."""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from segkit.errors import DataError
from segkit.runtime.reading import open_file

SUFFIX = ".npy"

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""(H, W, C)."""

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def map_npy(path: Path) -> Pixels:
    """Returns the pixels (H, W, C) of a file, which the system reads where they are used.

    An array (H, W) has a single channel. Pickled objects are never loaded.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no array, or ends before its values.
        DataError: the array is no image of 8 or 16 bits.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/a.npy", np.zeros((2, 3, 5), dtype=np.uint16))
        ...     map_npy(Path(folder, "a.npy")).shape
        (2, 3, 5)
    """
    with open_file(path) as file:
        shape, is_fortran, dtype = _header(file)
        if dtype.kind != "u" or dtype.itemsize > 2:
            raise DataError(
                f"{path}: an array of {dtype} has no known range of values. Scale them to 0..65535, and store them as "
                "uint16, or as uint8 to 0..255: segkit scales nothing by itself."
            )
        if len(shape) not in (2, 3) or 0 in shape:
            raise DataError(f"{path}: an array of shape {shape} is no image. Store it as (height, width, channels).")
        order = "F" if is_fortran else "C"
        mapped: Any = np.memmap(file, dtype=dtype, mode="r", offset=file.tell(), shape=shape, order=order)  # type: ignore[call-overload]
    pixels: Pixels = mapped if mapped.ndim == 3 else mapped[..., None]
    return pixels


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"version {version[0]}.{version[1]} of the npy format is not read")
    shape, is_fortran, dtype = _HEADERS[version](file)
    return shape, is_fortran, dtype
