"""Matching and weighted losses over all decoder layers."""

from dataclasses import dataclass, replace
from itertools import islice
from typing import cast

import torch
from torch import Tensor, nn

from segkit.criterion.mask_losses import matched_mask_losses
from segkit.criterion.weighted_losses import WeightedMaskLoss
from segkit.errors import ConfigError
from segkit.ops.points import PointSampling
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
        self,
        losses: list[WeightedLoss],
        matcher: object | None,
        deep_supervision: bool,
        ignore_void: bool,
        points: PointSampling | None = None,
        compiled: bool = False,
    ) -> None:
        """
        Args:
            losses: all of them, of the three shapes described in `segkit.registries`.
            matcher: needed by class and mask losses.
            deep_supervision: score every decoder layer, not the last alone.
            ignore_void: leave pixels of unknown truth out of matching and mask losses; else they belong to no mask.
            points: score masks at random points; None = at every pixel.
            compiled: compile the mask losses, which takes some seconds once and makes each step quicker.
        """
        super().__init__()
        self.losses = losses
        self.loss_modules = nn.ModuleList(weighted.loss for weighted in losses)
        self.matcher = matcher
        self.deep_supervision = deep_supervision
        self.ignore_void = ignore_void
        self.points = points
        masked = [weighted for weighted in losses if weighted.loss.input_type == "masks"]
        self.mask_losses = [weighted.name for weighted in masked]
        self.mask_score = WeightedMaskLoss([one.loss for one in masked], [one.weight for one in masked], compiled)
        needing = [weighted.name for weighted in losses if weighted.loss.input_type != "prediction"]
        if needing and matcher is None:
            raise ConfigError(f"criterion.matcher: loss '{needing[0]}' needs a matcher, such as {{type: hungarian}}.")

    def forward(self, prediction: Prediction | PixelPrediction, targets: list[Target]) -> LossReport:
        """Prediction of B images and their B targets, of the padded batch's size and on its device."""
        layers = prediction.layers if self.deep_supervision else [prediction]
        device = prediction_device(prediction)
        if not self.ignore_void:
            targets = [replace(target, valid=None) for target in targets]
        matches: list[list[Match]] | list[None] = [None] * len(layers)
        if self.matcher is not None:
            matches = _on_device(self.matcher(layers, targets), device)  # type: ignore[operator]
        scores: list[Tensor] = []
        values: list[dict[str, Tensor]] = []  # of each layer by name
        for layer, of_layer in zip(layers, matches, strict=True):
            score, named = self._score(layer, targets, of_layer)
            scores += score
            values.append(named)
        if self.mask_score.losses:
            score_of_masks, sums = matched_mask_losses(
                cast(list[Prediction], layers), targets, cast(list[list[Match]], matches), self.mask_score, self.points
            )
            num_masks = _mean_over_processes(sum(len(target) for target in targets), device)
            scores.append(score_of_masks / num_masks)
            for named, means in zip(values, (sums / num_masks).T, strict=True):
                named.update(zip(self.mask_losses, means, strict=True))
        suffixes = [*(f"/{index}" for index in range(len(layers) - 1)), ""]
        parts = {n + suffix: v for named, suffix in zip(values, suffixes, strict=True) for n, v in named.items()}
        return LossReport(torch.stack(scores).sum(), parts)

    def _score(
        self, layer: Prediction | PixelPrediction, targets: list[Target], matches: list[Match] | None
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        """One layer's class and general losses: weighted, with gradient; and unweighted, without."""
        scores: list[Tensor] = []
        values: dict[str, Tensor] = {}
        for weighted in self.losses:
            if weighted.loss.input_type == "masks":
                continue
            if weighted.loss.input_type == "classes":
                value = _class_loss(weighted.loss, cast(Prediction, layer), targets, cast(list[Match], matches))
            else:
                value = weighted.loss(layer, targets, matches)
            scores.append(weighted.weight * value)
            values[weighted.name] = value.detach()
        return scores, values


def prediction_device(prediction: Prediction | PixelPrediction) -> torch.device:
    if isinstance(prediction, PixelPrediction):
        return prediction.pixel_logits.device
    return prediction.class_logits.device


def _on_device(matches: list[list[Match]], device: torch.device) -> list[list[Match]]:
    """All of them in one transfer."""
    pairs = [pair for of_layer in matches for pair in of_layer]
    flat = torch.cat([torch.stack(pair) for pair in pairs], dim=1).to(device)  # (2, M)
    pieces = iter(torch.split(flat, [len(query_index) for query_index, _ in pairs], dim=1))
    return [[(piece[0], piece[1]) for piece in islice(pieces, len(of_layer))] for of_layer in matches]


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
