"""Scored masks of things, which may overlap."""

from typing import ClassVar

import torch
from torch import Tensor

from segkit.data.labels import Classes
from segkit.errors import ConfigError
from segkit.ops.resizing import output_chunks, output_rows
from segkit.registries import POSTPROCESSORS
from segkit.types import ImageSizes, InstanceResult, PixelPrediction, Prediction


@POSTPROCESSORS.register("instance")
class Instance:
    """The `max_instances` best pairs of query and class, as the reference implementations rank them.

    Every query may answer with several classes; of the best pairs those of stuff classes are left out (a class list
    without any thing counts as all things). The score is the class probability times the mean mask probability inside
    the mask, whose pixels are those of a mask probability above 0.5. Instances scoring below `score_threshold` and
    empty masks are left out; the default keeps all, since average precision ranks them itself.
    """

    makes: ClassVar[type] = InstanceResult

    def __init__(self, classes: Classes, *, max_instances: int = 100, score_threshold: float = 0.0) -> None:
        self.classes = classes
        self.max_instances = max_instances
        self.score_threshold = score_threshold
        self._countable = torch.tensor(classes.things if any(classes.things) else [True] * len(classes))

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
        masks, certainty = _masks(prediction.mask_logits_of(image, chosen), sizes)
        scores = scores * certainty[place]
        kept = (certainty[place] > 0) & (scores >= self.score_threshold)
        scores, order = scores[kept].sort(descending=True, stable=True)
        return InstanceResult(labels[kept][order], scores, masks[place[kept][order]])


def _masks(mask_logits: Tensor, sizes: ImageSizes) -> tuple[Tensor, Tensor]:
    """`mask_logits` (M,h,w) -> masks (M,H,W) bool at the output size and their mean probability inside (M,), 0 for an
    empty mask."""
    count = mask_logits.shape[0]
    masks = torch.empty(count, *sizes.output, dtype=torch.bool, device=mask_logits.device)
    inside = torch.zeros(count, dtype=torch.float32, device=mask_logits.device)
    area = torch.zeros(count, dtype=torch.int64, device=mask_logits.device)
    if count == 0:
        return masks, inside
    for start, stop in output_chunks(count, sizes, mask_logits.device):
        logits = output_rows(mask_logits, sizes, start, stop)
        mask = logits > 0
        masks[:, start:stop] = mask
        area += mask.flatten(1).sum(1)
        inside += (logits.sigmoid_() * mask).flatten(1).sum(1)
    return masks, torch.where(area > 0, inside / area.clamp(min=1), 0.0)
