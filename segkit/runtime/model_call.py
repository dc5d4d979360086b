"""The one call of a model by training, evaluation and predictor, which explains images that are too small."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from torch import Tensor

from segkit.errors import DataError, cause_of
from segkit.types import ImageSizes, Size

P = TypeVar("P")
"""What the model returns."""

_TOO_SMALL = (
    "Expected more than 1 value per channel",  # batch and group norm of a single pixel
    "Expected more than 1 spatial element",  # instance norm
    "Kernel size can't be greater than actual input size",
    "Output size is too small",
    "Padding size should be less than the corresponding input dimension",
)
"""What torch says where a feature map is too small for a layer."""


def call_model(
    model: Callable[[Tensor, list[Size]], P], images: Tensor, sizes: Sequence[ImageSizes], files: Sequence[str]
) -> P:
    """Returns the model's prediction for a batch.

    Args:
        model: Any model of segkit, or what wraps one.
        images: (B,3,H,W) uint8 RGB.
        sizes: Of the images.
        files: Of the images, for the message.

    Raises:
        DataError: a feature map of the images is too small for a layer of the model.

    Example:
        >>> import torch
        >>> images, sizes = torch.zeros(1, 3, 32, 32), [ImageSizes((32, 32), (20, 30), (20, 30))]
        >>> call_model(lambda images, sizes: (images.shape, sizes), images, sizes, ["a.png"])
        (torch.Size([1, 3, 32, 32]), [(20, 30)])
    """
    try:
        return model(images, [size.unpadded for size in sizes])
    except (ValueError, RuntimeError) as error:
        if not any(text in str(error) for text in _TOO_SMALL):
            raise
        named = ", ".join(
            f"{file} ({size.unpadded[1]}x{size.unpadded[0]})" for file, size in zip(files, sizes, strict=True)
        )
        raise DataError(
            f"{named}: too small for the model. Padded to {images.shape[-1]}x{images.shape[-2]} in a batch of "
            f"{len(images)}, a layer gets too few values ({cause_of(error)}). Use larger images or crops, or the "
            "transform 'pad'. In training, a larger batch_size or the backbone's freeze_batch_norm can help too."
        ) from error
