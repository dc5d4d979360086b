"""Scored masks of things, which may overlap."""

from typing import ClassVar

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.errors import ConfigError
from segkit.ops.resizing import positive_bands, row_chunks
from segkit.registries import POSTPROCESSORS
from segkit.registries.signature import Fraction, Positive
from segkit.types import ImageSizes, InstanceResult, PixelPrediction, Prediction


@POSTPROCESSORS.register("instance")
class Instance:
    """The best pairs of query and class, as the reference implementations rank them.

    Every query may answer with several classes; of the best pairs those of stuff classes are left out (a class list
    without any thing counts as all things). The score is the class probability times the mean mask probability inside
    the mask, whose pixels are those of a mask probability above 0.5. Empty masks are left out.

    max_instances: how many pairs are looked at, by falling class probability.
    score_threshold: instances that score less are left out; 0 keeps all, since average precision ranks them itself.
    """

    result_type: ClassVar[type] = InstanceResult

    def __init__(self, classes: Classes, *, max_instances: Positive = 100, score_threshold: Fraction = 0.0) -> None:
        self.classes = classes
        self.max_instances = max_instances
        self.score_threshold = score_threshold
        self._countable = torch.tensor(classes.countable)

    def __call__(self, prediction: Prediction | PixelPrediction, sizes: list[ImageSizes]) -> list[InstanceResult]:
        """One result per image, at `sizes[i].output`, on the prediction's device."""
        if isinstance(prediction, PixelPrediction):
            raise ConfigError(
                "postprocessor 'instance': a per-pixel model says only which class a pixel has, not which object. "
                "Use the postprocessor 'semantic', or a model with queries such as 'mask_former'."
            )
        class_probs = prediction.class_logits.float().softmax(-1)[..., :-1]  # (B,Q,K)
        return [self._instances(prediction, class_probs[image], image, size) for image, size in enumerate(sizes)]

    def _instances(self, prediction: Prediction, class_probs: Tensor, image: int, sizes: ImageSizes) -> InstanceResult:
        num_classes = class_probs.shape[1]
        scores, pairs = class_probs.flatten().topk(min(self.max_instances, class_probs.numel()))
        labels = pairs % num_classes
        # A mask probability is at most 1, so a class probability under the threshold cannot recover.
        possible = self._countable.to(labels.device)[labels] & (scores >= self.score_threshold)
        scores, labels, queries = scores[possible], labels[possible], pairs[possible] // num_classes
        chosen, place = torch.unique(queries, return_inverse=True)
        masks, certainty = _masks(prediction.mask_logits_of(image, chosen), sizes, room=len(queries))
        scores = scores * certainty[place]
        kept = (certainty[place] > 0) & (scores >= self.score_threshold)
        scores, order = scores[kept].sort(descending=True, stable=True)
        # COCO's run lengths read masks column by column; lying so in memory, they need not be transposed for it.
        return InstanceResult(labels[kept][order], scores, _rearranged(masks, place[kept][order]).transpose(1, 2))


def _masks(mask_logits: Tensor, sizes: ImageSizes, room: int) -> tuple[Tensor, Tensor]:
    """`mask_logits` (M,h,w) -> masks (room,W,H) bool at the output size, transposed, of which the first M are theirs,
    and their mean probability inside (M,), 0 for an empty mask."""
    count = len(mask_logits)
    upright = ImageSizes(sizes.padded[::-1], sizes.unpadded[::-1], sizes.output[::-1])
    masks = torch.zeros(room, *upright.output, dtype=torch.bool, device=mask_logits.device)
    inside = torch.zeros(count, dtype=torch.float32, device=mask_logits.device)
    area = torch.zeros(count, dtype=torch.int64, device=mask_logits.device)
    for start, stop, which, band in positive_bands(mask_logits.transpose(1, 2).contiguous(), upright):
        mask_probs = torch.threshold_(band, 0.0, -torch.inf).sigmoid_()  # exactly 0 outside the mask, >= 0.5 inside
        masks[which, start:stop] = mask_probs.bool()
        inside[which] += mask_probs.sum((1, 2))
        area[which] += mask_probs.ceil_().sum(2).long().sum(1)
    return masks, torch.where(area > 0, inside / area.clamp(min=1), 0.0)


def _rearranged(masks: Tensor, wanted: Tensor) -> Tensor:
    """`masks[wanted]`, `wanted` (N,) being no more than there are masks, in the memory of `masks`: a second copy of all
    would cost as much as making them."""
    for start, stop in row_chunks(masks.shape[1], masks.shape[0] * masks.shape[2], masks.device):
        masks[: len(wanted), start:stop] = masks[:, start:stop].index_select(0, wanted)
    return masks[: len(wanted)]
