"""Images in the forms in which Python programs hold them: paths, PIL images, arrays, tensors."""

from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from segkit.data.images import to_rgb
from segkit.data.pixel_files import read_pixels
from segkit.errors import DataError
from segkit.types import RGB, PixelFormat

ImageValues = (Image.Image, np.ndarray, Tensor)
"""The forms that hold pixels, for `isinstance`."""

ImageSource: TypeAlias = str | Path | Image.Image | NDArray[np.generic] | Tensor
"""An image in any form."""

FORMS = (
    "Give a path, a PIL image, a uint8 array of shape (H, W) or (H, W, 3), or a uint8 tensor of shape (H, W) or "
    "(3, H, W), in RGB order."
)


def to_image(source: ImageSource, max_pixels: int | None = None, pixels: PixelFormat = RGB) -> Tensor:
    """Converts an image in any form to (3, H, W) uint8 RGB, or to (C, H, W) of another pixel format.

    Args:
        source: A path, a PIL image, a uint8 array (H, W) or (H, W, 3), or a uint8 tensor (H, W) or (3, H, W). Without
            channels, or with a single one, values are gray. Three channels are in RGB order.
        max_pixels: A file with more pixels is refused.
        pixels: What the model takes. An image that is not RGB of 8 bits must hold just the channels and type.

    Raises:
        DataError: the source is none of these, or its file cannot be read.

    Example:
        >>> to_image(np.zeros((2, 4), dtype=np.uint8)).shape
        torch.Size([3, 2, 4])
        >>> to_image(np.zeros((2, 4, 4), dtype=np.uint8))
        Traceback (most recent call last):
        segkit.errors.DataError: an array of shape (2, 4, 4) and type uint8 is not an image. Drop its fourth channel: \
image[..., :3].
    """
    if isinstance(source, str | Path):
        return read_pixels(source, pixels, max_pixels)
    if not pixels.is_rgb:
        return _bands_of(source, pixels)
    if isinstance(source, Image.Image):
        return to_rgb(source, "the PIL image")
    if isinstance(source, Tensor):
        problem = _problem(tuple(source.shape), source.dtype == torch.uint8, channels_first=True)
        if problem:
            raise _refused("a tensor", source, problem)
        return _with_colors(source.detach())
    if isinstance(source, np.ndarray):
        problem = _problem(source.shape, source.dtype == np.uint8, channels_first=False)
        if problem:
            raise _refused("an array", source, problem)
        # Copied, since an array may be read-only or mirrored, which torch refuses. Channels stay last in memory.
        image = torch.from_numpy(source.copy())
        return _with_colors(image if image.ndim == 2 else image.permute(2, 0, 1))
    raise DataError(f"a value of type {type(source).__name__} is not an image. {FORMS}")


def _bands_of(source: ImageSource, pixels: PixelFormat) -> Tensor:
    """Returns (C, H, W) of an array (H, W, C) or a tensor (C, H, W) that holds just these pixels."""
    image = torch.from_numpy(np.array(source)) if isinstance(source, Image.Image | np.ndarray) else source
    if isinstance(image, Tensor):
        image = image.detach()
        if image.ndim == 2:
            image = image[None]
        elif image.ndim == 3 and not isinstance(source, Tensor):
            image = image.permute(2, 0, 1)
        if image.ndim == 3 and image.numel() and pixels.fits(image):
            return image
        found = f"an image of shape {tuple(image.shape)} and type {str(image.dtype).removeprefix('torch.')}"
    else:
        found = f"a value of type {type(source).__name__}"
    raise DataError(
        f"{found} has not {pixels}, as the model takes them. Give a path, a {pixels.type} array of shape "
        f"(H, W, {pixels.channels}), or a {pixels.type} tensor of shape ({pixels.channels}, H, W)."
    )


def _with_colors(image: Tensor) -> Tensor:
    """Returns (3, H, W) of (H, W), (1, H, W) or (3, H, W)."""
    image = image[None] if image.ndim == 2 else image
    return image if len(image) == 3 else image.repeat(3, 1, 1)


def _problem(shape: tuple[int, ...], is_uint8: bool, channels_first: bool) -> str:
    """Says what to do about values that are no image; nothing where they are one."""
    if not is_uint8:
        return "Scale its values to 0..255 and convert it to uint8."
    if len(shape) == 4:
        return "Pass several images as a list."
    if 0 in shape or len(shape) not in (2, 3):
        return FORMS
    if len(shape) == 2:
        return ""
    first, last = shape[0], shape[-1]
    channels, other = (first, last) if channels_first else (last, first)
    if channels in (1, 3):
        return ""
    if other in (1, 3):
        return f"Its channels must come {'first' if channels_first else 'last'}: " + (
            "image.permute(2, 0, 1)." if channels_first else "image.transpose(1, 2, 0)."
        )
    if channels == 4:
        return f"Drop its fourth channel: image[{':3' if channels_first else '..., :3'}]."
    return FORMS


def _refused(what: str, values: NDArray[np.generic] | Tensor, problem: str) -> DataError:
    kind = str(values.dtype).removeprefix("torch.")
    return DataError(f"{what} of shape {tuple(values.shape)} and type {kind} is not an image. {problem}")
