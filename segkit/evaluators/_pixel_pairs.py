"""The classes of the target and of a semantic result at each pixel, for evaluators that count pixels."""

import torch
from torch import Tensor

from segkit.ops.targets import label_map_of
from segkit.types import SemanticResult, Target


def label_maps(result: SemanticResult, target: Target, num_classes: int, image_id: int | str) -> tuple[Tensor, Tensor]:
    """Returns the class index of each pixel in the target and in the result, (H,W) int64, on the result's device.

    Void pixels of the target (of no segment, or not valid) are `num_classes` there.

    Example:
        >>> target = Target(torch.tensor([0]), segment_map=torch.tensor([[0, -1]]))
        >>> label_maps(SemanticResult(torch.tensor([[0, 1]])), target, num_classes=2, image_id=1)[0]
        tensor([[0, 2]])
    """
    predicted = result.label_map
    assert predicted.shape == target.size, (
        f"image {image_id}: the result is {tuple(predicted.shape)}, the target {target.size} (height, width)"
    )
    target = target.to(predicted.device)
    labels = label_map_of(target, void=num_classes)
    if target.valid is not None:
        labels = torch.where(target.valid, labels, num_classes)
    return labels, predicted


def pixel_pairs(result: SemanticResult, target: Target, num_classes: int, image_id: int | str) -> Tensor:
    """Counts the pixels of an image, (K+1,K) int64 by [class of the target, predicted class]; row K is void.

    Example:
        >>> target = Target(torch.tensor([0]), segment_map=torch.tensor([[0, 0, -1]]))
        >>> pixel_pairs(SemanticResult(torch.tensor([[0, 1, 1]])), target, num_classes=2, image_id=1).tolist()
        [[1, 1], [0, 0], [0, 1]]
    """
    labels, predicted = label_maps(result, target, num_classes, image_id)
    pairs = torch.bincount((labels * num_classes + predicted).flatten(), minlength=num_classes * (num_classes + 1))
    return pairs.view(num_classes + 1, num_classes)
