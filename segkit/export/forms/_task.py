"""What the export of a task consists of, and the maps that all tasks begin with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn.functional import interpolate

from segkit.classes import Classes
from segkit.errors import ConfigError
from segkit.types import PixelPrediction, Prediction, Result, Size


@dataclass(frozen=True)
class Task:
    """A task in tensor operations alone, without Python that depends on values, so that it can be traced.

    Outputs have a fixed number of rows for each image. A count tells how many of them are results.
    """

    name: str
    postprocessor: type
    """The class whose results the form gives, at the settings of its instance."""
    result_type: type
    outputs: tuple[str, ...]
    """Names of the tensors, each with the batch as its first dimension."""
    compute: Callable[[Any, Prediction | PixelPrediction, Size, Size], tuple[Tensor, ...]]
    """(postprocessor, prediction, padded size, size of all images) -> the outputs."""
    read: Callable[[Mapping[str, Tensor], int, Classes], Result]
    """(outputs by name, image in the batch, classes) -> the result of the image."""


def image_maps(logits: Tensor, padded: Size, size: Size) -> Tensor:
    """Upsamples logits (B,M,h,w) to the padded size, and crops them to the images: (B,M,H,W) float32.

    Example:
        >>> import torch
        >>> image_maps(torch.zeros(1, 5, 2, 3), (8, 12), (7, 10)).shape
        torch.Size([1, 5, 7, 10])
    """
    maps = interpolate(logits.float(), size=padded, mode="bilinear", align_corners=False)
    return maps[..., : size[0], : size[1]]


def require_queries(task: str, prediction: Prediction | PixelPrediction) -> Prediction:
    """Returns the prediction of a model with queries.

    Raises:
        ConfigError: It is that of a per-pixel model.

    Example:
        >>> import torch
        >>> require_queries("instance", PixelPrediction(torch.zeros(1, 2, 4, 4)))
        Traceback (most recent call last):
        segkit.errors.ConfigError: task 'instance': a per-pixel model predicts the class of each pixel, but no \
objects. Export the task 'semantic'.
    """
    if isinstance(prediction, PixelPrediction):
        raise ConfigError(
            f"task '{task}': a per-pixel model predicts the class of each pixel, but no objects. Export the task "
            "'semantic'."
        )
    return prediction
