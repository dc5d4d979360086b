"""Image files in the pixel format that a dataset publishes or a model takes."""

from pathlib import Path

from torch import Tensor

from segkit.data.band_rows import band_rows, is_read_in_rows
from segkit.data.image_rows import ImageRows, pixels_of, rows_of
from segkit.data.images import read_image
from segkit.data.npy_files import SUFFIX
from segkit.types import PixelFormat


def read_pixels(path: str | Path, pixels: PixelFormat, max_pixels: int | None = None) -> Tensor:
    """Reads an image file as (C, H, W) of a pixel format.

    RGB of 8 bits is made of any image, as `segkit.data.images.read_image` says. Of any other format, the file must hold
    just that, as `segkit.data.band_rows.band_rows` says; so must a `.npy` file.

    Args:
        path: The file.
        pixels: Channels and type.
        max_pixels: The file is refused if it has more pixels (see `segkit.data.opening.opened`).

    Raises:
        DataError: the file is missing, too large, broken or no image, or holds other channels.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("L", (4, 2), 90).save(f"{folder}/a.png")
        ...     [read_pixels(f"{folder}/a.png", PixelFormat(channels)).shape[0] for channels in (1, 3)]
        [1, 3]
    """
    if _is_converted(path, pixels):
        return read_image(path, max_pixels)
    rows = band_rows(Path(path), pixels, max_pixels)
    return rows.read(0, rows.size[0])


def pixel_rows(path: str | Path, pixels: PixelFormat, max_pixels: int | None = None) -> ImageRows:
    """Opens an image file of a pixel format whose rows are needed one after the other; arguments as `read_pixels`.

    Raises:
        DataError: as `read_pixels`.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("L", (4, 20), 90).save(f"{folder}/a.tif")
        ...     pixel_rows(f"{folder}/a.tif", PixelFormat(1)).read(3, 5).shape
        torch.Size([1, 2, 4])
    """
    return rows_of(path, max_pixels) if _is_converted(path, pixels) else band_rows(Path(path), pixels, max_pixels)


def size_in_pixels(path: str | Path, pixels: PixelFormat, max_pixels: int | None = None) -> int:
    """Returns the number of pixels that the head of an image file tells; arguments as `read_pixels`.

    Raises:
        DataError: as `read_pixels`.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("L", (4, 20), 90).save(f"{folder}/a.png")
        ...     size_in_pixels(f"{folder}/a.png", PixelFormat())
        80
    """
    if _is_converted(path, pixels) or not is_read_in_rows(Path(path)):
        return pixels_of(path, max_pixels)
    height, width = band_rows(Path(path), pixels, max_pixels).size
    return height * width


def _is_converted(path: str | Path, pixels: PixelFormat) -> bool:
    return pixels.is_rgb and Path(path).suffix.lower() != SUFFIX
