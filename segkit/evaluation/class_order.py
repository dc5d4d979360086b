"""Evaluates a model on a dataset that has the same classes in another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from segkit.classes import Classes
from segkit.types import PixelPrediction, Prediction, Size


class ReorderedClasses(nn.Module):
    """A model whose predictions have the classes of a dataset in that dataset's order.

    Everything behind it (postprocessors, evaluators, files of results) then uses the dataset's class indices and ids.

    Args:
        model: The model.
        order: For each class index of the dataset, the model's class index.

    Example:
        >>> class Brightness(nn.Module):
        ...     def forward(self, images, sizes=None):
        ...         return PixelPrediction(images[:, :2, ::4, ::4].float())
        >>> images = torch.tensor([10, 20, 0], dtype=torch.uint8)[None, :, None, None].expand(1, 3, 4, 4)
        >>> ReorderedClasses(Brightness(), order=[1, 0])(images).pixel_logits.flatten().tolist()
        [20.0, 10.0]
    """

    def __init__(self, model: nn.Module, order: Sequence[int]) -> None:
        super().__init__()
        self.model = model
        self.size_divisor = getattr(model, "size_divisor", 1)
        # Plain attributes: nobody moves this wrapper to a device, so `forward` moves them to that of the logits.
        self.order = torch.tensor(order)  # (K,)
        self.with_no_object = torch.tensor([*order, len(order)])  # (K+1,)

    def forward(self, images: Tensor, sizes: Sequence[Size] | None = None) -> Prediction | PixelPrediction:
        """Images (B,C,H,W) -> the model's prediction, its classes in the dataset's order."""
        return self._reordered(self.model(images, sizes))

    def _reordered(self, prediction: Prediction | PixelPrediction) -> Prediction | PixelPrediction:
        # Evaluation reads the last layer alone: auxiliary predictions are dropped rather than kept in another order.
        if isinstance(prediction, PixelPrediction):
            logits = prediction.pixel_logits  # (B, K, h, w)
            return replace(prediction, pixel_logits=logits[:, self.order.to(logits.device)], auxiliary=[])
        logits = prediction.class_logits  # (B, Q, K+1)
        return replace(prediction, class_logits=logits[..., self.with_no_object.to(logits.device)], auxiliary=[])


def class_order(model: Classes, dataset: Classes) -> list[int] | None:
    """Returns, for each class index of a dataset, the model's class index; None if both have the same order.

    Both lists must have the same names.

    Example:
        >>> class_order(Classes.make(["road", "car"]), Classes.make(["car", "road"]))
        [1, 0]
    """
    return None if model.names == dataset.names else [model.index(name) for name in dataset.names]
