"""The task `semantic` in an exported file."""

from collections.abc import Mapping

from torch import Tensor

from segkit.classes import Classes
from segkit.export.forms._task import Task, image_maps
from segkit.postprocessors.semantic import Semantic
from segkit.types import PixelPrediction, Prediction, SemanticResult, Size


def compute(
    postprocessor: Semantic, prediction: Prediction | PixelPrediction, padded: Size, size: Size
) -> tuple[Tensor, ...]:
    """Returns the label map (B,H,W) int64."""
    if isinstance(prediction, PixelPrediction):
        return (image_maps(prediction.pixel_logits, padded, size).argmax(1),)
    class_probs = prediction.class_logits.float().softmax(-1)[..., :-1]  # (B, Q, K)
    mask_probs = image_maps(prediction.mask_logits, padded, size).sigmoid()  # (B, Q, H, W)
    # A matrix product for each image. As an einsum, it would transpose the masks first.
    sums = class_probs.transpose(1, 2) @ mask_probs.flatten(2)  # (B, K, H*W)
    return (sums.argmax(1).view(-1, *size),)


def read(outputs: Mapping[str, Tensor], image: int, classes: Classes) -> SemanticResult:
    """Returns the result of one image of the batch.

    Example:
        >>> import torch
        >>> read({"label_map": torch.zeros(1, 4, 6, dtype=torch.int64)}, 0, Classes.make(["sky"]))
        SemanticResult(4 x 6: 1 class)
    """
    return SemanticResult(outputs["label_map"][image].long())


TASK = Task("semantic", Semantic, SemanticResult, ("label_map",), compute, read)
