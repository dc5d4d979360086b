"""One class per pixel."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d, pad

from segkit.data.labels import Classes
from segkit.ops.argmax import largest_
from segkit.ops.resizing import output_bands, output_pixels, picture_bands, resize_to_output
from segkit.registries import POSTPROCESSORS
from segkit.types import ImageSizes, PixelPrediction, Prediction, SemanticResult

_STRIDE = 4
"""Rows and columns of a picture from one pixel to the next of those that tell which classes to expect."""
_WINDOW = 8
"""Columns over which the other classes are bounded together: masks vary little there."""
_MANY = 0.2
"""Share of a band's pixels from which on it is quicker to compare all classes everywhere than at those pixels."""
_FLOAT_NOISE = 1e-4
"""A bound this close to the best score, relative to it, counts as reaching it: far beyond what rounding does."""


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
    return torch.cat([largest_(band)[1] for _, _, band in output_bands(logits, sizes)])


def _classes_by_masks(class_probs: Tensor, mask_logits: Tensor, sizes: ImageSizes) -> Tensor:
    """`class_probs` (Q,K), `mask_logits` (Q,h,w) -> (H,W) int64 at the output size."""
    by_class = class_probs.t().contiguous()  # (K,Q)
    bands = []
    for start, stop, top, logits in picture_bands(mask_logits, sizes, len(by_class)):
        mask_probs = logits.sigmoid_()  # (Q,rows,width)
        expected = _expected(by_class, mask_probs)  # (C,)
        scores = resize_to_output(_votes(by_class[expected], mask_probs), sizes, top, start, stop)
        best, index = largest_(scores)
        labels = expected[index]  # (stop-start,output width)
        unsure = best <= _bound(by_class.index_fill(0, expected, 0.0), mask_probs, sizes)
        rows, columns = unsure.nonzero(as_tuple=True)
        if len(rows) > _MANY * labels.numel():
            _, labels = largest_(resize_to_output(_votes(by_class, mask_probs), sizes, top, start, stop))
        elif len(rows) > 0:
            pixels = output_pixels(mask_probs, sizes, top, rows + start, columns)  # (Q,P)
            labels[rows, columns] = largest_(_votes(by_class, pixels[:, None]))[1][0]
        bands.append(labels)
    return torch.cat(bands)


def _votes(by_class: Tensor, mask_probs: Tensor) -> Tensor:
    """(C,Q) and (Q,r,w) -> (C,r,w)."""
    return (by_class @ mask_probs.flatten(1)).view(-1, *mask_probs.shape[1:])


def _expected(by_class: Tensor, mask_probs: Tensor) -> Tensor:
    """The classes (C,) int64, rising, that are the largest at some of the pixels of `mask_probs` (Q,rows,width).

    The product of all classes with all pixels takes most of the time; few classes occur in a band.
    """
    if mask_probs.device.type != "cpu":  # an accelerator has the product sooner than the answer to which are needed
        return torch.arange(len(by_class), device=mask_probs.device)
    _, index = largest_(_votes(by_class, mask_probs[:, ::_STRIDE, ::_STRIDE]))
    classes: Tensor = torch.unique(index)
    return classes


def _bound(by_class: Tensor, mask_probs: Tensor, sizes: ImageSizes) -> Tensor:
    """(output width,): no class reaches this score at any pixel of the output's columns in the band `mask_probs`
    (Q,rows,width).

    A class scores at most what it does where every mask has its largest value in a window. The windows share a column,
    so that the two that a column of the output is made of lie in one of them.
    """
    width = mask_probs.shape[-1]
    rows = pad(mask_probs.amax(1), (0, _WINDOW))  # (Q,width + padding): probabilities, so 0 is never the largest
    largest = max_pool1d(rows, _WINDOW + 1, _WINDOW)  # (Q,windows)
    bound = (by_class @ largest).amax(0) * (1 + _FLOAT_NOISE)
    position = (torch.arange(sizes.output[1], device=rows.device) + 0.5) * (width / sizes.output[1]) - 0.5
    return bound[(position / _WINDOW).long()]
