"""The postprocessor `semantic`."""

from typing import ClassVar

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.ops.cpu.argmax import largest_
from segkit.ops.cpu.semantic_inference import semantic_label_map
from segkit.ops.resizing import output_bands
from segkit.registries import POSTPROCESSORS
from segkit.types import ImageSizes, PixelPrediction, Prediction, SemanticResult


@POSTPROCESSORS.register("semantic")
class Semantic:
    """Semantic segmentation: each pixel gets one class.

    It is the class with the largest sum, over all queries, of class times mask probability. Semantic inference of
    MaskFormer (Cheng et al. 2021, section 3.4): no query is assigned to a pixel, each contributes its whole class
    distribution without no-object. The sums, not the masks, are resized to the output size. The prediction of a
    per-pixel model is supported too: its logits are resized, and the class with the largest one wins.

    Args:
        classes: Of the dataset.

    Example:
        >>> class_probs = torch.tensor([[[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]])  # two queries: sky, road, no object
        >>> masks = torch.tensor([[[[9.0], [-9.0]], [[-9.0], [9.0]]]])  # upper half, lower half
        >>> prediction = Prediction(class_probs.log(), dense_mask_logits=masks)
        >>> semantic = Semantic(Classes.make(["sky", "road"]))
        >>> semantic(prediction, [ImageSizes(padded=(4, 2), unpadded=(4, 2), output=(4, 2))])[0].label_map
        tensor([[0, 0],
                [0, 0],
                [1, 1],
                [1, 1]])
    """

    result_type: ClassVar[type] = SemanticResult

    def __init__(self, classes: Classes) -> None:
        self.classes = classes

    def __call__(self, prediction: Prediction | PixelPrediction, sizes: list[ImageSizes]) -> list[SemanticResult]:
        """Returns one label map per image, at `sizes[i].output`, on the prediction's device."""
        if isinstance(prediction, PixelPrediction):
            return [
                SemanticResult(_largest_logits(logits, size))
                for logits, size in zip(prediction.pixel_logits, sizes, strict=True)
            ]
        class_probs = prediction.class_logits.float().softmax(-1)[..., :-1]  # (B, Q, K)
        queries = torch.arange(prediction.num_queries, device=class_probs.device)
        return [
            SemanticResult(semantic_label_map(class_probs[image], prediction.mask_logits_of(image, queries), size))
            for image, size in enumerate(sizes)
        ]


def _largest_logits(logits: Tensor, sizes: ImageSizes) -> Tensor:
    """Returns the class (H,W) int64 with the largest of `logits` (K,h,w) at the output size."""
    return torch.cat([largest_(band)[1] for _, _, band in output_bands(logits, sizes)])
