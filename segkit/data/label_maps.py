"""Label maps: files that hold the id or the color of a class for each pixel, read without any guess."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from segkit.data.exif import upright
from segkit.data.images import SIXTEEN_BIT
from segkit.data.opening import opened
from segkit.errors import DataError

Ids = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""(H, W)."""

_STRETCH_OF_MODE = {"L;2": 85, "L;4": 17}
"""Pillow multiplies the values of 2-bit and 4-bit grayscale by these, so that they span 0..255."""

_LOSSY = {"JPEG", "MPO", "JPEG2000", "WEBP", "AVIF"}
"""Formats that change pixel values, or whose files do not tell whether they did."""

_COLOR_MODES = ("1", "L", "P", "RGB", "RGBA", "PA", "LA")
"""Pillow's modes of 8 bits a channel: gray values are colors, too."""

_REPLACE = "Replace each color by the id of its class."

_STORE = "Store one id per pixel in a grayscale PNG of 8 or 16 bits, or in a palette PNG."


def read_label_map(path: str | Path, colored: str = _REPLACE) -> Ids:
    """Reads the ids (H, W) uint8 or uint16 of a lossless file.

    These hold ids: grayscale of up to 16 bits, the indices of a palette, RGB of three equal channels, and whole
    floating-point numbers. Colors of a palette are ignored. The rotation that the file's own EXIF asks for is applied,
    as to images.

    Args:
        path: The file.
        colored: What to do if it holds colors, for the message.

    Raises:
        DataError: the file is missing, broken, lossy, or holds no ids.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("L", (2, 1), 7).save(f"{folder}/a.png")
        ...     read_label_map(f"{folder}/a.png")
        array([[7, 7]], dtype=uint8)
    """
    path = Path(path)
    with opened(path) as image:
        _refuse_lossy(image, path)
        packing = _packing(image)
        turned = upright(image)
        if image.mode == "P" and image.format == "GIF":
            _refuse_sorted_palette(image, path)
        values, mode = np.array(turned), image.mode
        _refuse_pages(image, path)
    if values.dtype == np.uint8 and packing.partition(";")[2].startswith("16"):
        raise DataError(f"{path}: a label map of 16 bits a channel and several channels holds no ids. {_STORE}")
    if mode in ("LA", "RGB", "RGBA"):
        return _gray_of(values, mode, path, colored)
    if mode in ("1", "L", "P"):
        ids = values.astype(np.uint8, copy=False)
        return ids // _STRETCH_OF_MODE[packing] if packing in _STRETCH_OF_MODE else ids
    if mode == "F" or mode in SIXTEEN_BIT:
        return _whole(values, path)
    raise DataError(f"{path}: a label map of mode {mode} holds no ids. {_STORE}")


def read_color_map(path: str | Path) -> npt.NDArray[np.int32]:
    """Reads the colors (H, W) int32 of a lossless file: R + 256 G + 65536 B.

    These hold colors: RGB, and the colors of a palette. An alpha value that is the same everywhere is left out. The
    rotation that the file's own EXIF asks for is applied, as to images.

    Raises:
        DataError: the file is missing, broken, lossy, or holds no colors.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("RGB", (2, 1), (1, 2, 0)).save(f"{folder}/a.png")
        ...     read_color_map(f"{folder}/a.png")
        array([[513, 513]], dtype=int32)
    """
    path = Path(path)
    with opened(path) as image:
        _refuse_lossy(image, path)
        if _packing(image).partition(";")[2].startswith("16") or image.mode not in _COLOR_MODES:
            raise DataError(
                f"{path}: a label map of mode {image.mode} holds no colors of 8 bits a channel. Store the colors in an "
                f"RGB PNG, or leave out 'colors' if the file holds ids."
            )
        # Some tools mark the background of a palette as transparent; its color is there all the same.
        image.info.pop("transparency", None)
        rgba = upright(image).convert("RGBA")
    if len(np.unique(np.asarray(rgba.getchannel("A")))) > 1:
        raise DataError(
            f"{path}: the label map is transparent in parts, so it does not show what its transparent pixels are. "
            f"Store the colors in an RGB PNG."
        )
    # Four bytes per pixel are one little-endian int32 each. The mask removes the alpha value.
    colors: npt.NDArray[np.int32] = np.frombuffer(rgba.tobytes(), dtype="<i4").reshape(rgba.height, -1) & 0xFFFFFF
    return colors


def holds_colors(path: Path) -> bool:
    """Tells whether a label file holds colors (RGB) rather than ids (gray or palette).

    Raises:
        DataError: the file is missing or broken.
    """
    with opened(path, whole=False) as image:
        return image.mode in ("RGB", "RGBA")


def _refuse_lossy(image: Image.Image, path: Path) -> None:
    compression = str(image.info.get("compression", ""))
    lossy = image.format if image.format in _LOSSY else "JPEG" if "jpeg" in compression else ""
    if lossy:
        raise DataError(
            f"{path}: a label map in the format {lossy} holds no ids that can be trusted, since lossy compression "
            f"changes them. Export it from its source again, as PNG; converting this file does not restore the ids."
        )


def _refuse_sorted_palette(image: Image.Image, path: Path) -> None:
    """Refuses a GIF whose indices may not be the ids: programs sort its palette, and drop colors, when they save it."""
    colors = np.reshape(image.getpalette() or [], (-1, 3))
    used = np.flatnonzero(image.histogram()[:256])
    if used[-1] >= len(colors) or (colors[used] != used[:, None]).any():
        raise DataError(
            f"{path}: a GIF stores colors, and its palette does not show which ids they stand for. Export the label "
            f"map from its source again, as PNG."
        )


def _refuse_pages(image: Image.Image, path: Path) -> None:
    """Refuses several pages of one size, of which only the first would count. Smaller ones are previews."""
    size = image.size
    try:
        image.seek(1)
    except EOFError:  # the only one
        return
    if image.size == size:
        raise DataError(
            f"{path}: a label map of several pages or frames, {size[0]}x{size[1]} each. Only one can hold the ids. "
            f"{_STORE}"
        )


def _gray_of(values: npt.NDArray[np.uint8], mode: str, path: Path, colored: str) -> npt.NDArray[np.uint8]:
    """Returns the ids of several channels (H, W, C): the gray values where all colors are gray and opacity is even."""
    if mode in ("LA", "RGBA"):
        if (values[..., -1] != values[0, 0, -1]).any():
            raise DataError(
                f"{path}: the label map is transparent in parts, so it does not show what its transparent pixels are. "
                f"{_STORE}"
            )
        values = values[..., :-1]
    if (values != values[..., :1]).any():
        colors = np.unique(values.reshape(-1, values.shape[-1])[:100_000], axis=0)
        shown = ", ".join(str(tuple(color)) for color in colors[(colors != colors[:, :1]).any(1)][:3].tolist())
        raise DataError(
            f"{path}: the label map is a color image{f' with colors such as {shown}' if shown else ''}; colors are no "
            f"ids. {colored} {_STORE}"
        )
    return np.ascontiguousarray(values[..., 0])


def _whole(values: npt.NDArray[np.generic], path: Path) -> npt.NDArray[np.uint16]:
    ids = np.asarray(values)
    with np.errstate(invalid="ignore"):
        stored = ids.astype(np.uint16)
    # Unequal for fractions, for numbers that are not finite, and for numbers that 16 bits cannot hold.
    if ids.dtype.kind != "u" and (stored != ids).any():
        raise DataError(f"{path}: the label map holds numbers that are not whole or not in 0..65535. {_STORE}")
    return stored


def _packing(image: Image.Image) -> str:
    """Returns the packing of pixels in the file. Pillow forgets it once they are decoded."""
    tiles = getattr(image, "tile", None)
    packing = tiles[0][3] if tiles else ""
    return packing if isinstance(packing, str) else str(packing[0]) if packing else ""
