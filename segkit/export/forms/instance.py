"""The task `instance` in an exported file."""

from collections.abc import Mapping

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.export.forms._task import Task, image_maps, require_queries
from segkit.postprocessors.instance import Instance
from segkit.types import InstanceResult, PixelPrediction, Prediction, Size


def compute(
    postprocessor: Instance, prediction: Prediction | PixelPrediction, padded: Size, size: Size
) -> tuple[Tensor, ...]:
    """Returns labels (B,N) int64, scores (B,N), masks (B,N,H,W) bool and how many are instances (B,) int64.

    N is the `max_instances` of the postprocessor, or the number of pairs of query and class where there are fewer.
    Instances come first, by falling score. What follows has label -1, score 0 and an empty mask.
    """
    prediction = require_queries("instance", prediction)
    class_probs = prediction.class_logits.float().softmax(-1)[..., :-1]  # (B, Q, K)
    if prediction.mask_quality is not None:
        class_probs = class_probs * prediction.mask_quality.float()[..., None]
    num_queries, num_classes = class_probs.shape[1:]
    number = min(postprocessor.max_instances, num_queries * num_classes)
    scores, pairs = class_probs.flatten(1).topk(number)  # (B, N)
    labels, queries = pairs % num_classes, pairs // num_classes
    logits = image_maps(prediction.mask_logits, padded, size)  # (B, Q, H, W)
    masks = logits > 0
    areas = masks.sum((2, 3))  # (B, Q)
    means = torch.where(masks, logits.sigmoid(), 0.0).sum((2, 3)) / areas.clamp(min=1)
    scores = scores * means.gather(1, queries)
    countable = torch.tensor(postprocessor.classes.countable, device=labels.device)[labels]
    kept = countable & (areas.gather(1, queries) > 0) & (scores >= postprocessor.score_threshold)
    ranked, order = torch.where(kept, scores, -1.0).topk(number)  # ONNX cannot express a stable sort
    kept, labels, queries = (values.gather(1, order) for values in (kept, labels, queries))
    # Rows of all images together: gathering within each image would need an index for every pixel.
    first = torch.arange(masks.shape[0], device=queries.device)[:, None] * num_queries
    chosen = masks.flatten(0, 1)[first + queries]  # (B, N, H, W)
    return torch.where(kept, labels, -1), ranked.clamp(min=0), chosen & kept[..., None, None], kept.sum(1)


def read(outputs: Mapping[str, Tensor], image: int, classes: Classes) -> InstanceResult:
    """Returns the result of one image of the batch.

    Example:
        >>> outputs = {
        ...     "labels": torch.tensor([[1, -1]]),
        ...     "scores": torch.tensor([[0.5, 0.0]]),
        ...     "masks": torch.ones(1, 2, 4, 6, dtype=torch.bool),
        ...     "num_instances": torch.tensor([1]),
        ... }
        >>> read(outputs, 0, Classes.make(["sky", "car"]))
        InstanceResult(4 x 6: 1 instance)
    """
    number = int(outputs["num_instances"][image])
    return InstanceResult(*(outputs[name][image, :number] for name in ("labels", "scores", "masks")))


TASK = Task("instance", Instance, InstanceResult, ("labels", "scores", "masks", "num_instances"), compute, read)
