"""The one call of a model by training, evaluation and predictor, which explains images that are too small or large."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from segkit.errors import DataError, cause_of, is_out_of_memory
from segkit.registries.signature import named_inputs
from segkit.runtime.model_memory import require_memory_of_model
from segkit.types import ImageSizes, Target

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

_IN_TRAINING = (
    "Use larger images or crops, or the transform 'pad', also in data.val.transforms. A larger batch_size or the "
    "backbone's freeze_batch_norm can help too."
)
_IN_EVALUATION = "Use larger images, or the transform 'pad' in data.val.transforms of the config."

_FOR_TRAINING = "Use smaller batches, or a transform such as random_crop in data.train.transforms."
_FOR_EVALUATION = "Use smaller images or batches, resize_shortest_edge in data.val.transforms, or --window."
"""Where the memory is too small."""


def call_model(
    model: Callable[..., P],
    images: Tensor,
    sizes: Sequence[ImageSizes],
    files: Sequence[str],
    targets: Sequence[Target] | None = None,
) -> P:
    """Returns the model's prediction for a batch.

    Outside of training, no result may depend on the images beside its own. torch's group norm refuses a single value,
    but not those of several images: so images of a single cell in the coarsest map must pass alone as well.

    Args:
        model: Any model of segkit, or what wraps one.
        images: (B,C,H,W) of the model's pixel format.
        sizes: Of the images.
        files: Of the images, for the message.
        targets: Of the images in training, for a model whose `forward` names them.

    Raises:
        DataError: a feature map of the images is too small for a layer of the model, or the memory is too small.

    Example:
        >>> import torch
        >>> images, sizes = torch.zeros(1, 3, 32, 32), [ImageSizes((32, 32), (20, 30), (20, 30))]
        >>> call_model(lambda images, sizes: (images.shape, sizes), images, sizes, ["a.png"])
        (torch.Size([1, 3, 32, 32]), [(20, 30)])
    """
    inner = model.module if isinstance(model, DistributedDataParallel) else model
    names_targets = targets is not None and "targets" in named_inputs(inner)
    together = len(images)
    try:
        with enough_memory(sizes, files):
            require_memory_of_model(inner, images, sizes)
            unpadded = [size.unpadded for size in sizes]
            if len(images) > 1 and _is_single_cell(inner, images) and not torch.is_grad_enabled():
                together = 1
                model(images[:1], unpadded[:1])
                together = len(images)
            return model(images, unpadded, targets=targets) if names_targets else model(images, unpadded)
    except (ValueError, RuntimeError) as error:
        if not any(text in str(error) for text in _TOO_SMALL):
            raise
        remedy = _IN_TRAINING if torch.is_grad_enabled() else _IN_EVALUATION
        raise DataError(
            f"{_named(sizes, files)}: too small for the model. Padded to {images.shape[-1]}x{images.shape[-2]} in a "
            f"batch of {together}, a layer gets too few values ({_cause(error)}). {remedy}"
        ) from error


def _is_single_cell(model: object, images: Tensor) -> bool:
    """Returns whether images have a single cell in the coarsest map of a model."""
    return max(images.shape[-2:]) <= getattr(model, "size_divisor", 0)


def _cause(error: Exception) -> str:
    """Returns what torch says of the layer. Its words "when training" mislead where a layer always needs more."""
    return cause_of(error).replace(" when training", "")


@contextmanager
def enough_memory(sizes: Sequence[ImageSizes], files: Sequence[str]) -> Iterator[None]:
    """Explains that the memory is too small for a batch.

    Args:
        sizes: Of the images.
        files: Of the images, for the message.

    Raises:
        DataError: there is not enough memory.

    Example:
        >>> with enough_memory([ImageSizes((64, 64), (60, 50), (60, 50))], ["a.png"]):
        ...     raise MemoryError
        Traceback (most recent call last):
        segkit.errors.DataError: a.png (50x60): not enough memory for this image (MemoryError). Use smaller \
batches, or a transform such as random_crop in data.train.transforms.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        what = "this image" if len(files) == 1 else "these images together"
        remedy = _FOR_TRAINING if torch.is_grad_enabled() else _FOR_EVALUATION
        raise DataError(
            f"{_named(sizes, files)}: not enough memory for {what} ({cause_of(error)}). {remedy}"
        ) from error


def _named(sizes: Sequence[ImageSizes], files: Sequence[str]) -> str:
    """Returns the files with the sizes of their images."""
    named = [f"{file} ({size.unpadded[1]}x{size.unpadded[0]})" for file, size in zip(files, sizes, strict=True)]
    return ", ".join(named)
