"""Large image files, read a few rows at a time."""

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile
from torch import Tensor
from torch.nn.functional import avg_pool2d

from segkit.data.images import refuse_address, rgb_rows, to_rgb, upright_8_bit
from segkit.data.opening import largest_allowed, opened, require_memory_to_decode
from segkit.data.tiff_chunks import chunks_in, decoded, is_divided
from segkit.types import Size


class ImageRows(ABC):
    """An image whose rows can be read from any place.

    Args:
        size: Height and width.
    """

    def __init__(self, size: Size) -> None:
        self.size = size

    @abstractmethod
    def read(self, top: int, bottom: int) -> Tensor:
        """Returns rows top..bottom as (3, bottom - top, W) uint8 RGB, or (C, bottom - top, W) of the file's bands.

        Raises:
            DataError: the file cannot be read.
        """

    def reduced(self, longest: int) -> Tensor:
        """Returns the image with sides divided by a whole number, so that none is longer than `longest`.

        Raises:
            DataError: the file cannot be read.
        """
        factor = -(-max(self.size) // longest)
        step, parts = 16 * factor, []
        for top in range(0, self.size[0], step):
            rows = self.read(top, min(top + step, self.size[0]))
            means = avg_pool2d(rows.float()[None], factor, ceil_mode=True)[0]
            parts.append((means + 0.5).floor().to(rows.dtype))
        return torch.cat(parts, dim=1)


class _Decoded(ImageRows):
    """A file that had to be decoded as a whole. It is kept as Pillow holds it, which is 4 bytes a pixel for RGB."""

    def __init__(self, image: Image.Image) -> None:
        super().__init__((image.height, image.width))
        self._image = image

    def read(self, top: int, bottom: int) -> Tensor:
        return rgb_rows(self._image, top, bottom)


class _Divided(ImageRows):
    """A TIFF whose strips or tiles are decoded when their rows are read."""

    def __init__(self, path: Path, size: Size) -> None:
        super().__init__(size)
        self._path = path

    def read(self, top: int, bottom: int) -> Tensor:
        rows = torch.zeros(bottom - top, self.size[1], 3, dtype=torch.uint8).permute(2, 0, 1)
        with opened(self._path, self.size[0] * self.size[1], whole=False) as image:
            assert isinstance(image, TiffImageFile), "the file is as it was when it was looked at"
            for chunk in chunks_in(image, top, bottom):
                part = to_rgb(decoded(image, chunk), str(self._path))
                first, last = max(top, chunk.top), min(bottom, chunk.top + chunk.size[0])
                right = min(chunk.left + chunk.size[1], self.size[1])
                part = part[:, first - chunk.top : last - chunk.top, : right - chunk.left]
                rows[:, first - top : last - top, chunk.left : right] = part
        return rows


def rows_of(path: str | Path, max_pixels: int | None = None) -> ImageRows:
    """Opens an image file whose rows are needed one after the other.

    Strips or tiles of a TIFF are decoded when they are needed. Other files, a TIFF of a single strip, one that is
    turned by its orientation tag, and one of 32-bit values are decoded here, as a whole.

    Args:
        path: The file.
        max_pixels: The file is refused if it has more pixels (see `segkit.data.opening.opened`).

    Raises:
        DataError: the file is missing, too large, broken, or no image.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("L", (4, 20), 90).save(f"{folder}/a.tif")
        ...     image = rows_of(f"{folder}/a.tif")
        ...     image.size, image.read(3, 5).shape
        ((20, 4), torch.Size([3, 2, 4]))
    """
    refuse_address(path)
    with opened(Path(path), largest_allowed(max_pixels), whole=False) as image:
        if is_divided(image):
            return _Divided(Path(path), (image.height, image.width))
        require_memory_to_decode(Path(path), image)
        return _Decoded(upright_8_bit(image, str(path)))


def pixels_of(path: str | Path, max_pixels: int | None = None) -> int:
    """Returns the number of pixels that the head of an image file tells.

    Raises:
        DataError: the file is missing, too large, broken, or no image.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("L", (4, 20), 90).save(f"{folder}/a.png")
        ...     pixels_of(f"{folder}/a.png")
        80
    """
    refuse_address(path)
    with opened(Path(path), largest_allowed(max_pixels), whole=False) as image:
        return image.width * image.height
