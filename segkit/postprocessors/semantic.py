"""One class per pixel."""

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
    """The class with the largest sum, over the queries, of class probability times mask probability at a pixel.

    Semantic inference of MaskFormer (Cheng et al. 2021, section 3.4): no query is assigned to a pixel; each votes with
    its whole class distribution, without no-object. The sums, not the masks, are resized to the output size.
    Also takes a per-pixel model's prediction, whose logits are resized instead.
    """

    result_type: ClassVar[type] = SemanticResult

    def __init__(self, classes: Classes) -> None:
        self.classes = classes

    def __call__(self, prediction: Prediction | PixelPrediction, sizes: list[ImageSizes]) -> list[SemanticResult]:
        """One label map per image, at `sizes[i].output`, on the prediction's device."""
        if isinstance(prediction, PixelPrediction):
            return [
                SemanticResult(_classes_of_pixels(logits, size))
                for logits, size in zip(prediction.pixel_logits, sizes, strict=True)
            ]
        class_probs = prediction.class_logits.float().softmax(-1)[..., :-1]  # (B,Q,K)
        queries = torch.arange(prediction.num_queries, device=class_probs.device)
        return [
            SemanticResult(semantic_label_map(class_probs[image], prediction.mask_logits_of(image, queries), size))
            for image, size in enumerate(sizes)
        ]


def _classes_of_pixels(logits: Tensor, sizes: ImageSizes) -> Tensor:
    """`logits` (K,h,w) -> (H,W) int64 at the output size."""
    return torch.cat([largest_(band)[1] for _, _, band in output_bands(logits, sizes)])
