"""One class per pixel."""

from typing import ClassVar

import torch
from torch import Tensor

from segkit.data.labels import Classes
from segkit.ops.argmax import largest_map
from segkit.ops.resizing import output_chunks, output_rows, picture_rows, resize_to_output, source_rows
from segkit.registries import POSTPROCESSORS
from segkit.types import ImageSizes, PixelPrediction, Prediction, SemanticResult


@POSTPROCESSORS.register("semantic")
class Semantic:
    """The class with the largest sum, over the queries, of class probability times mask probability at a pixel.

    Semantic inference of MaskFormer (Cheng et al. 2021, section 3.4): no query is assigned to a pixel; each votes with
    its whole class distribution, without no-object. The sums, not the masks, are resized to the output size.
    Also takes a per-pixel model's prediction, whose logits are resized instead.
    """

    makes: ClassVar[type] = SemanticResult

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
            SemanticResult(_classes_by_masks(class_probs[image], prediction.mask_logits_of(image, queries), size))
            for image, size in enumerate(sizes)
        ]


def _classes_of_pixels(logits: Tensor, sizes: ImageSizes) -> Tensor:
    """`logits` (K,h,w) -> (H,W) int64 at the output size."""
    bands = [
        largest_map(output_rows(logits, sizes, start, stop))
        for start, stop in output_chunks(logits.shape[0], sizes, logits.device)
    ]
    return torch.cat(bands)


def _classes_by_masks(class_probs: Tensor, mask_logits: Tensor, sizes: ImageSizes) -> Tensor:
    """`class_probs` (Q,K), `mask_logits` (Q,h,w) -> (H,W) int64 at the output size."""
    num_queries, num_classes = class_probs.shape
    by_class = class_probs.t().contiguous()  # (K,Q)
    bands = []
    for start, stop in output_chunks(num_queries + num_classes, sizes, mask_logits.device):
        top, bottom = source_rows(sizes.picture[0], sizes.output[0], start, stop)
        mask_probs = picture_rows(mask_logits, sizes, top, bottom).sigmoid()  # (Q,rows,width)
        scores = (by_class @ mask_probs.flatten(1)).view(num_classes, bottom - top, -1)  # (K,rows,width)
        bands.append(largest_map(resize_to_output(scores, sizes, top, start, stop)))
    return torch.cat(bands)
