"""What losses are divided by, so that they do not depend on how the images of a step are split.

A step learns from a fixed set of images. They may come as one batch, as several accumulated batches, or as batches of
several processes. A mean over each part, averaged, is another number than the mean over all: parts with few segments
would weigh too much. Therefore each loss is a sum over its images, divided by a normalizer of all images of the step.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from segkit.ops.target_batch import segment_places
from segkit.registries.losses import ClassLoss, ClassNormalizer, GeneralLoss, MaskLoss, TargetNormalizer
from segkit.types import Target


def normalizer_of(
    loss: ClassLoss | MaskLoss | GeneralLoss, targets: list[Target], class_index: Tensor | None, device: torch.device
) -> Tensor:
    """Returns what the value of a loss is divided by for these images, a float32 scalar on `device`.

    That is the number of segments for mask losses, what the method `normalizer` of a loss returns, and otherwise the
    number of images.

    Args:
        loss: The loss.
        targets: Of B images, on `device`.
        class_index: (B,Q) int64, as `unmatched_class_index` returns it; None for a model without queries.
        device: Of the prediction.

    Example:
        >>> from segkit.losses.dice import Dice
        >>> target = Target(torch.tensor([1, 0, 1]), torch.zeros(8, 8, dtype=torch.int16))
        >>> normalizer_of(Dice(), [target, target], None, torch.device("cpu")).item()
        6.0
    """
    if loss.input_type == "masks":
        # Counted by targets rather than pairs, and by every process, also one whose images have no segment.
        number: Tensor | int = sum(len(target) for target in targets)
    elif loss.input_type == "classes" and isinstance(loss, ClassNormalizer):
        assert class_index is not None
        number = loss.normalizer(class_index)
    elif loss.input_type == "prediction" and isinstance(loss, TargetNormalizer):
        number = loss.normalizer(targets)
    else:
        number = len(targets)
    if isinstance(number, Tensor):
        return number.detach().float()
    return torch.full((), float(number), device=device)


def unmatched_class_index(targets: Sequence[Target], num_queries: int, no_object: int) -> Tensor:
    """Returns (B,Q) int64: the classes that the queries will have in some order, known before they are matched.

    Matching pairs every segment with a query of its own, so its result changes only the order. Where an image has more
    segments than there are queries, its first segments stand for those that are matched.

    Example:
        >>> target = Target(torch.tensor([5, 7]), torch.tensor([[0, 1]], dtype=torch.int16))
        >>> unmatched_class_index([target], num_queries=4, no_object=9).tolist()
        [[5, 7, 9, 9]]
    """
    counts = [min(len(target), num_queries) for target in targets]
    labels = torch.cat([target.labels[:num_queries] for target in targets])
    class_index = labels.new_full((len(targets), num_queries), no_object)
    class_index[segment_places(counts, labels.device)] = labels
    return class_index


def mean_over_processes(values: Tensor) -> Tensor:
    """Returns the mean of a tensor over all processes. All of them must call it.

    Example:
        >>> mean_over_processes(torch.tensor([2.0]))
        tensor([2.])
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return values
    total = values.clone()
    torch.distributed.all_reduce(total)
    return total / torch.distributed.get_world_size()
