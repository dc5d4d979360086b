"""Matching and weighted losses over all decoder layers."""

from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError
from segkit.ops.mask_losses import matched_mask_losses
from segkit.types import Match, PixelPrediction, Prediction, Target


@dataclass
class WeightedLoss:
    """A loss part and its weight in the total."""

    name: str
    loss: nn.Module
    weight: float


@dataclass
class LossReport:
    total: Tensor
    """Scalar with gradient: the weighted sum over losses and layers."""
    parts: dict[str, Tensor]
    """Unweighted, detached scalars: `name` of the last layer, `name/0`, `name/1`, … of the earlier ones."""


class Criterion(nn.Module):
    """Scores a prediction of queries or of pixels.

    Mask losses are divided by the number of matched masks, averaged over all processes and at least 1, so that a run
    on several processes scores as one on a single one would.
    """

    def __init__(
        self, losses: list[WeightedLoss], matcher: object | None, deep_supervision: bool, ignore_void: bool
    ) -> None:
        """
        Args:
            losses: all of them, of the three shapes described in `segkit.registries`.
            matcher: needed by class and mask losses.
            deep_supervision: score every decoder layer, not the last alone.
            ignore_void: leave pixels of unknown truth out of matching and mask losses; else they belong to no mask.
        """
        super().__init__()
        self.losses = losses
        self.loss_modules = nn.ModuleList(weighted.loss for weighted in losses)
        self.matcher = matcher
        self.deep_supervision = deep_supervision
        self.ignore_void = ignore_void
        needing = [weighted.name for weighted in losses if weighted.loss.takes != "prediction"]
        if needing and matcher is None:
            raise ConfigError(f"criterion.matcher: loss '{needing[0]}' needs a matcher, such as {{type: hungarian}}.")

    def forward(self, prediction: Prediction | PixelPrediction, targets: list[Target]) -> LossReport:
        """Prediction of B images and their B targets, of the padded batch's size and on its device."""
        layers = prediction.layers if self.deep_supervision else [prediction]
        if not self.ignore_void:
            targets = [replace(target, valid=None) for target in targets]
        matches: list[list[Match]] | list[None] = [None] * len(layers)
        if self.matcher is not None:
            device = prediction_device(prediction)
            matches = [
                [(query.to(device), target.to(device)) for query, target in of_layer]
                for of_layer in self.matcher(layers, targets)  # type: ignore[operator]
            ]
        parts: dict[str, Tensor] = {}
        total: Tensor | None = None
        num_masks = _mean_over_processes(sum(len(target) for target in targets), prediction_device(prediction))
        for index, (layer, of_layer) in enumerate(zip(layers, matches, strict=True)):
            suffix = "" if index == len(layers) - 1 else f"/{index}"
            score, values = self._score(layer, targets, of_layer, num_masks)
            total = score if total is None else total + score
            parts |= {name + suffix: value for name, value in values.items()}
        assert total is not None
        return LossReport(total, parts)

    def _score(
        self,
        layer: Prediction | PixelPrediction,
        targets: list[Target],
        matches: list[Match] | None,
        num_masks: Tensor,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One layer's weighted sum with gradient, and its unweighted parts."""
        scores: list[Tensor] = []
        values: dict[str, Tensor] = {}
        for weighted in self.losses:
            if weighted.loss.takes == "masks":
                continue
            if weighted.loss.takes == "classes":
                value = _class_loss(weighted.loss, cast(Prediction, layer), targets, cast(list[Match], matches))
            else:
                value = weighted.loss(layer, targets, matches)
            scores.append(weighted.weight * value)
            values[weighted.name] = value.detach()
        masked = [weighted for weighted in self.losses if weighted.loss.takes == "masks"]
        if masked:
            losses = [weighted.loss for weighted in masked]
            weights = [weighted.weight for weighted in masked]
            score, sums = matched_mask_losses(
                cast(Prediction, layer), targets, cast(list[Match], matches), losses, weights
            )
            scores.append(score / num_masks)
            values |= {weighted.name: value / num_masks for weighted, value in zip(masked, sums, strict=True)}
        return torch.stack(scores).sum(), values


def prediction_device(prediction: Prediction | PixelPrediction) -> torch.device:
    if isinstance(prediction, PixelPrediction):
        return prediction.pixel_logits.device
    return prediction.class_logits.device


def _class_loss(loss: nn.Module, layer: Prediction, targets: list[Target], matches: list[Match]) -> Tensor:
    no_object = layer.class_logits.shape[-1] - 1
    classes = torch.full(layer.class_logits.shape[:2], no_object, dtype=torch.int64, device=layer.class_logits.device)
    for row, target, (query_index, target_index) in zip(classes, targets, matches, strict=True):
        row[query_index] = target.labels[target_index]
    return loss(layer.class_logits, classes)  # type: ignore[no-any-return]


def _mean_over_processes(count: int, device: torch.device) -> Tensor:
    mean = torch.tensor(float(count), device=device)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(mean)
        mean /= torch.distributed.get_world_size()
    return mean.clamp(min=1)
