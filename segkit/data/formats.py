"""The image formats that segkit reads, and the suffixes of their files.

Both follow from what the installed Pillow can open, so that a format which Pillow or one of its plugins adds is found
without a change here.
"""

from PIL import Image

from segkit.data.npy_files import SUFFIX
from segkit.types import RGB, PixelFormat

_NOT_READ = frozenset(
    {
        # Programs rather than pixels: Pillow would start Ghostscript or Windows to draw them.
        *("EPS", "PDF", "WMF"),
        # Videos and animations.
        *("FLI", "MPEG"),
        # Pillow knows the headers alone.
        *("BUFR", "GRIB", "HDF5", "IPTC"),
        # Kodak's Photo CD. Files called `.pcd` beside images are point clouds.
        "PCD",
    }
)
"""Formats that Pillow opens and segkit refuses."""

_OPENED_AS = {"MPO": "JPEG"}
"""Formats without a reader of their own -> the format whose reader Pillow opens them with."""

_LOSSLESS = frozenset({"BMP", "DIB", "GIF", "PCX", "PNG", "PPM", "QOI", "SGI", "SUN", "TGA", "TIFF"})
"""Formats that keep every pixel value, which label maps need."""

ARRAYS = PixelFormat(channels=1)
"""One of the pixel formats whose images may be arrays of NumPy."""


def image_formats() -> list[str]:
    """Returns Pillow's names of the formats that segkit reads.

    Pass them to `Image.open`, so that a refused format is not opened under the suffix of another.

    Example:
        >>> {"PNG", "JPEG", "TIFF"} <= set(image_formats()), "EPS" in image_formats()
        (True, False)
    """
    readable = set(_format_of_suffix().values())
    # In Pillow's order: it asks the formats that are recognized by chance last.
    return [name for name in Image.ID if name in readable]


def image_suffixes(pixels: PixelFormat = RGB) -> frozenset[str]:
    """Returns the suffixes, in lower case, of the files that are images of a pixel format.

    Arrays of NumPy are images where other than RGB images are asked for.

    Example:
        >>> {".jpg", ".jfif", ".png", ".tif"} <= image_suffixes(), ".pdf" in image_suffixes()
        (True, False)
    """
    return frozenset(_format_of_suffix()) | (frozenset() if pixels.is_rgb else {SUFFIX})


def label_suffixes() -> frozenset[str]:
    """Returns the suffixes, in lower case, of the formats that keep ids as they are.

    Example:
        >>> ".png" in label_suffixes(), ".jpg" in label_suffixes()
        (True, False)
    """
    return frozenset(suffix for suffix, name in _format_of_suffix().items() if name in _LOSSLESS)


def _format_of_suffix() -> dict[str, str]:
    known = Image.registered_extensions()  # loads all of Pillow's plugins
    readers = {suffix: _OPENED_AS.get(name, name) for suffix, name in known.items()}
    return {suffix: name for suffix, name in readers.items() if name in Image.OPEN and name not in _NOT_READ}
