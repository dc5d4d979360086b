"""The postprocessor `instance`."""

from typing import ClassVar

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.errors import ConfigError
from segkit.ops.resizing import positive_bands, row_chunks
from segkit.registries import POSTPROCESSORS
from segkit.registries.signature import Fraction, Positive
from segkit.runtime.memory_limit import require_memory
from segkit.types import ImageSizes, InstanceResult, PixelPrediction, Prediction


@POSTPROCESSORS.register("instance")
class Instance:
    """Instance segmentation: the best pairs of query and class, each with a mask and a score.

    Pairs are ranked as in the reference implementation. One query may yield several pairs. Pairs of stuff classes are
    left out; in a class list without any thing, all classes count as things. The score is the class probability times
    the mean mask probability inside the mask, which are the pixels with a mask probability above 0.5, times the mask
    quality where the model estimates one. Empty masks are left out.

    Args:
        classes: Of the dataset.
        max_instances: How many pairs are considered, those with the largest class probabilities.
        score_threshold: Instances with a lower score are left out. Keep 0 for average precision, which ranks all.

    Example:
        >>> class_probs = torch.tensor([[[0.8, 0.2], [0.1, 0.9]]])  # two queries: car, no object
        >>> masks = torch.tensor([[[[9.0, -9.0]], [[-9.0, 9.0]]]])
        >>> prediction = Prediction(class_probs.log(), dense_mask_logits=masks)
        >>> instance = Instance(Classes.make(["car"]), score_threshold=0.5)
        >>> (result,) = instance(prediction, [ImageSizes(padded=(1, 2), unpadded=(1, 2), output=(1, 2))])
        >>> result.masks.tolist(), [round(score, 2) for score in result.scores.tolist()]
        ([[[True, False]]], [0.8])
    """

    result_type: ClassVar[type] = InstanceResult

    def __init__(self, classes: Classes, *, max_instances: Positive = 100, score_threshold: Fraction = 0.0) -> None:
        self.classes = classes
        self.max_instances = max_instances
        self.score_threshold = score_threshold
        self._countable = torch.tensor(classes.countable)

    def __call__(self, prediction: Prediction | PixelPrediction, sizes: list[ImageSizes]) -> list[InstanceResult]:
        """Returns one result per image, at `sizes[i].output`, on the prediction's device.

        Raises:
            ConfigError: The prediction is that of a per-pixel model.
        """
        if isinstance(prediction, PixelPrediction):
            raise ConfigError(
                "postprocessor 'instance': a per-pixel model predicts the class of each pixel, but no objects. Use the "
                "postprocessor 'semantic', or a model with queries such as 'mask_former'."
            )
        class_probs = prediction.class_logits.float().softmax(-1)[..., :-1]  # (B, Q, K)
        if prediction.mask_quality is not None:
            class_probs = class_probs * prediction.mask_quality.float()[..., None]
        return [self._instances(prediction, class_probs[image], image, size) for image, size in enumerate(sizes)]

    def _instances(self, prediction: Prediction, class_probs: Tensor, image: int, sizes: ImageSizes) -> InstanceResult:
        """Returns the result of one image; `class_probs` (Q,K) are its own."""
        num_classes = class_probs.shape[1]
        scores, pairs = class_probs.flatten().topk(min(self.max_instances, class_probs.numel()))
        labels = pairs % num_classes
        # The mean mask probability is at most 1, so a class probability below the threshold cannot become a score
        # above it: masks of such pairs need not be computed.
        possible = self._countable.to(labels.device)[labels] & (scores >= self.score_threshold)
        scores, labels, queries = scores[possible], labels[possible], pairs[possible] // num_classes
        chosen, place = torch.unique(queries, return_inverse=True)  # each query's mask is computed once
        masks, mean_probs = _masks(prediction.mask_logits_of(image, chosen), sizes, room=len(queries))
        scores = scores * mean_probs[place]
        kept = (mean_probs[place] > 0) & (scores >= self.score_threshold)
        scores, order = scores[kept].sort(descending=True, stable=True)
        # The masks lie in memory column by column, as COCO's run lengths read them: encoding need not transpose them.
        return InstanceResult(labels[kept][order], scores, _gather_(masks, place[kept][order]).transpose(1, 2))


def _masks(mask_logits: Tensor, sizes: ImageSizes, room: int) -> tuple[Tensor, Tensor]:
    """Makes the masks of `mask_logits` (M,h,w) at the output size.

    Returns:
        Masks (room,W,H) bool, transposed, of which the first M are made and the rest is room for copies; and the mean
        mask probability (M,) inside each mask, 0 for an empty one.
    """
    count = len(mask_logits)
    transposed = ImageSizes(sizes.padded[::-1], sizes.unpadded[::-1], sizes.output[::-1])
    if mask_logits.device.type == "cpu":  # a GPU refuses by itself
        require_memory(room * sizes.output[0] * sizes.output[1])
    masks = torch.zeros(room, *transposed.output, dtype=torch.bool, device=mask_logits.device)
    prob_sums = torch.zeros(count, dtype=torch.float32, device=mask_logits.device)
    areas = torch.zeros(count, dtype=torch.int64, device=mask_logits.device)
    for start, stop, which, band in positive_bands(mask_logits.transpose(1, 2).contiguous(), transposed):
        # sigmoid(-inf) is 0: outside the mask the probability is exactly 0, inside it is at least 0.5.
        mask_probs = torch.threshold_(band, 0.0, -torch.inf).sigmoid_()
        masks[which, start:stop] = mask_probs.bool()
        prob_sums[which] += mask_probs.sum((1, 2))
        # Summed as floats along a row, which is exact and faster than summing booleans; then as integers.
        areas[which] += mask_probs.ceil_().sum(2).long().sum(1)
    return masks, torch.where(areas > 0, prob_sums / areas.clamp(min=1), 0.0)


def _gather_(masks: Tensor, places: Tensor) -> Tensor:
    """Returns `masks[places]`, made in the memory of `masks`; `places` (N,) are no more than there are masks.

    A second array of all masks would take as much time as computing them.
    """
    for start, stop in row_chunks(masks.shape[1], masks.shape[0] * masks.shape[2], masks.device):
        masks[: len(places), start:stop] = masks[:, start:stop].index_select(0, places)
    return masks[: len(places)]
