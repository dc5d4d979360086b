"""Image files opened so that every failure is a DataError that names the file."""

import os
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from segkit.data.formats import image_formats
from segkit.data.jpeg_checks import check_jpeg_rows
from segkit.data.png_checks import check_png, check_png_rows
from segkit.errors import ConfigError, DataError, SegkitError, cause_of, counted
from segkit.runtime.memory_limit import require_memory
from segkit.runtime.reading import open_file
from segkit.types import Size

VARIABLE = "SEGKIT_MAX_PIXELS"
"""Environment variable with the largest number of pixels of an image."""

_REPLACE = "Replace or remove it."

_MOST_DIGITS = 18
"""Of a number of pixels. Python refuses to convert thousands."""

_MANY_PIXELS = 1 << 24
"""Pixels of an image from which on its memory is looked at."""

_lock = threading.RLock()
"""Held while Pillow's limit, which counts for the whole process, is another one."""


_DECODED_BYTES = 4
"""Bytes that a decoded pixel takes at least, with its copy in an array."""


@contextmanager
def opened(path: Path, max_pixels: int | None = None, *, whole: bool = True) -> Iterator[Image.Image]:
    """Opens an image file. Decode it inside the `with` block: errors there become DataErrors with the path.

    Args:
        path: The file.
        max_pixels: Largest number of pixels. By default that of the environment variable SEGKIT_MAX_PIXELS, or else
            Pillow's.
        whole: Whether the image is decoded as a whole, which there must be memory for.

    Raises:
        DataError: the file is missing, too large, damaged, or no image.
        ConfigError: the environment variable is no number of pixels.

    Example:
        >>> with opened(Path("missing.png")):
        ...     pass
        Traceback (most recent call last):
        segkit.errors.DataError: missing.png: there is no such file. Restore it or correct the path.
    """
    limit = max_pixels if max_pixels is not None else limit_of_environment()
    if limit is not None and limit < 1:
        raise DataError(f"max_pixels: {limit} is not a number of pixels. Give a whole number from 1.")
    with explained(path):
        try:
            with open_file(path) as file, _pillow_limit(limit):
                check_png(file)
                with Image.open(file, formats=image_formats()) as image:
                    refuse_large(path, (image.height, image.width), limit)
                    _warn_if_large(path, image, limit)
                    if whole:
                        require_memory_to_decode(path, image)
                    yield image
                    check_png_rows(image, file)
                    check_jpeg_rows(image, file)
        except Image.DecompressionBombError as error:
            pixels = re.search(r"\((\d+) pixels\)", str(error))
            raise _too_large(path, int(pixels[1]) if pixels else None, limit or _pillows_limit()) from None


def check_image(path: Path) -> None:
    """Decodes an image file of any kind, and throws its pixels away.

    Raises:
        DataError: as `opened`.

    Example:
        >>> check_image(Path("missing.png"))
        Traceback (most recent call last):
        segkit.errors.DataError: missing.png: there is no such file. Restore it or correct the path.
    """
    with opened(path) as image:
        image.load()


def refuse_large(path: Path, size: Size, max_pixels: int | None = None) -> None:
    """Checks the number of pixels of an image.

    Args:
        path: The file.
        size: Height and width.
        max_pixels: The largest number. By default that of the environment variable SEGKIT_MAX_PIXELS, or else none.

    Raises:
        DataError: there are more.

    Example:
        >>> refuse_large(Path("a.npy"), (20, 30), 600)
    """
    limit = max_pixels if max_pixels is not None else limit_of_environment()
    if limit is not None and size[0] * size[1] > limit:
        raise _too_large(path, size[0] * size[1], limit)


def require_memory_to_decode(path: Path, image: Image.Image) -> None:
    """Checks that there is enough memory to decode an image as a whole.

    Raises:
        DataError: There is not.

    Example:
        >>> require_memory_to_decode(Path("a.png"), Image.new("L", (20, 30)))
    """
    pixels = image.width * image.height
    if pixels < _MANY_PIXELS:
        return
    try:
        require_memory(_DECODED_BYTES * pixels)
    except MemoryError as error:
        raise DataError(
            f"{path}: not enough memory to decode {image.width}x{image.height} pixels ({error}). Use a smaller image, "
            "cut it into tiles, or store it as a TIFF of strips or tiles for segkit predict --window."
        ) from None


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns everything that may be raised while a file is read into a DataError with its path.

    Raises:
        DataError: the file is missing, damaged, or no image.

    Example:
        >>> with explained(Path("a.npy")):
        ...     raise EOFError("the file ends early")
        Traceback (most recent call last):
        segkit.errors.DataError: a.npy: cannot read the image (the file ends early). Replace or remove it.
    """
    try:
        yield
    except SegkitError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file. Restore it or correct the path.") from None
    except UnidentifiedImageError:
        raise DataError(f"{path}: this is not an image, or its format cannot be read. {_REPLACE}") from None
    except Exception as error:
        # A decoder may raise anything for a damaged file: struct.error, AttributeError, MemoryError, …
        raise DataError(f"{path}: cannot read the image ({_reason(error)}). {_REPLACE}") from None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError | SyntaxError | ValueError | EOFError):
        return getattr(error, "strerror", None) or cause_of(error)
    # Without its type, the message of an error such as KeyError means nothing.
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _too_large(path: Path, pixels: int | None, limit: int) -> DataError:
    return DataError(
        f"{path}: the image has {pixels or 'more'} pixels, but the limit is {limit}, since damaged and hostile files "
        f"claim such sizes. If it is sound, raise the limit (segkit predict --max-pixels {pixels or 'N'}, or the "
        f"environment variable {VARIABLE}={pixels or 'N'}), or cut the image into tiles. Reading it takes about 7 "
        f"bytes a pixel; 5 with segkit predict --window, and 3 if it is a TIFF of strips or tiles."
    )


def _warn_if_large(path: Path, image: Image.Image, limit: int | None) -> None:
    """Warns as Pillow does, but by the file's name. Who sets a limit wants to read what is within it."""
    pixels = image.width * image.height
    if limit is None and Image.MAX_IMAGE_PIXELS is not None and pixels > Image.MAX_IMAGE_PIXELS:
        warnings.warn(
            f"{path}: the image has {counted(pixels, 'pixel')}, whose decoding takes about {7 * pixels / 1e9:.1f} GB "
            "of memory. "
            f"If this is no image of yours, set {VARIABLE} to a smaller number to refuse such files.",
            stacklevel=3,
        )


def limit_of_environment() -> int | None:
    """Returns the number of pixels that the environment variable SEGKIT_MAX_PIXELS allows; None where it is not set.

    Raises:
        ConfigError: Its value is no such number.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    if not text.isdecimal() or len(text) > _MOST_DIGITS or int(text) < 1:
        raise ConfigError(f"{VARIABLE}: '{text}' is not a number of pixels. Set it to a whole number from 1.")
    return int(text)


def largest_allowed(max_pixels: int | None = None) -> int | None:
    """Returns the number of pixels up to which `opened` opens an image, None where there is no limit.

    Passed as `max_pixels`, it keeps `opened` from warning of images that are large but allowed.

    Args:
        max_pixels: That of `opened`.

    Example:
        >>> largest_allowed(100)
        100
    """
    limit = max_pixels if max_pixels is not None else limit_of_environment()
    return limit if limit is not None else _pillows_limit() or None


def _pillows_limit() -> int:
    # Pillow warns above its limit and refuses above twice as much.
    return 2 * (Image.MAX_IMAGE_PIXELS or 0)


@contextmanager
def _pillow_limit(limit: int | None) -> Iterator[None]:
    """Makes Pillow open images of up to `limit` pixels without a warning. None leaves its limit."""
    if limit is None:
        yield
        return
    with _lock:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = limit
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before
