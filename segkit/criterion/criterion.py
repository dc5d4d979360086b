"""The criterion: from a prediction and its targets to one weighted loss."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from segkit.criterion.mask_losses import WeightedMaskLoss, matched_mask_losses
from segkit.criterion.matched_pairs import MatchedPairs, matched_mask_logits
from segkit.errors import ConfigError
from segkit.ops.points import PointSampling
from segkit.registries.losses import ClassLoss, GeneralLoss, MaskLoss
from segkit.registries.matchers import Matcher
from segkit.types import Match, PixelPrediction, Prediction, Target

Layer = TypeVar("Layer", Prediction, PixelPrediction)


@dataclass
class WeightedLoss:
    """A loss and its weight in the total.

    Example:
        >>> from segkit.losses.dice import Dice
        >>> WeightedLoss("dice", Dice(), weight=5.0).weight
        5.0
    """

    name: str
    """Key of the loss in `LossReport.parts`, different from those of the other losses."""
    loss: ClassLoss | MaskLoss | GeneralLoss
    """Of one of the three shapes that `segkit.registries.losses` describes."""
    weight: float
    """Factor of the loss in the total."""


@dataclass
class LossReport:
    """The loss of one batch."""

    total: Tensor
    """Scalar with gradient: the weighted sum over losses and layers."""
    parts: dict[str, Tensor]
    """Unweighted scalars without gradient: `name` of the last layer, `name/0`, `name/1`, … of the earlier ones."""


class Criterion(nn.Module):
    """Matches queries with segments and computes the weighted sum of all losses over all decoder layers.

    Mask losses are divided by the number of segments of the batch, averaged over all processes and at least 1. So the
    gradient averaged over several processes is that of one process with the whole batch. `segkit.criterion` draws the
    path of a loss through this package.

    Args:
        losses: all losses, with different names.
        matcher: pairs queries with segments; class and mask losses need one.
        deep_supervision: compute the losses of every decoder layer instead of the last one only.
        ignore_void: leave void pixels out of matching and mask losses; otherwise they count as outside of every mask.
            For a per-pixel model it has no meaning: void pixels never count.
        points: compute mask losses at random points of each mask; None = at every pixel.
        compiled: compile the mask losses, which takes some seconds once and makes each step faster.

    Raises:
        ConfigError: a class or mask loss has no matcher, or two losses have the same name.

    Example:
        >>> from segkit.losses.dice import Dice
        >>> from segkit.matchers.hungarian import HungarianMatcher
        >>> criterion = Criterion([WeightedLoss("dice", Dice(), 5.0)], HungarianMatcher(), True, True)
        >>> masks = torch.zeros(1, 3, 2, 2, requires_grad=True)  # 1 image, 3 queries
        >>> prediction = Prediction(class_logits=torch.zeros(1, 3, 3), dense_mask_logits=masks)
        >>> target = Target(labels=torch.tensor([1]), segment_map=torch.zeros(8, 8, dtype=torch.int16))
        >>> report = criterion(prediction, [target])
        >>> report.total.backward()
        >>> {name: round(value.item(), 3) for name, value in report.parts.items()}
        {'dice': 0.33}
    """

    def __init__(
        self,
        losses: list[WeightedLoss],
        matcher: Matcher | None,
        deep_supervision: bool,
        ignore_void: bool,
        points: PointSampling | None = None,
        compiled: bool = False,
    ) -> None:
        super().__init__()
        names = [one.name for one in losses]
        if len(set(names)) < len(names):
            raise ConfigError(f"criterion.losses: all names must be different; these are {', '.join(names)}.")
        self.losses = losses
        # Registers the losses that have tensors, so that `to`, `parameters` and `state_dict` find these.
        self.loss_modules = nn.ModuleList(one.loss for one in losses if isinstance(one.loss, nn.Module))
        self.weights = {one.name: one.weight for one in losses}
        self.class_losses = {one.name: one.loss for one in losses if one.loss.input_type == "classes"}
        self.mask_losses = {one.name: one.loss for one in losses if one.loss.input_type == "masks"}
        self.general_losses = {one.name: one.loss for one in losses if one.loss.input_type == "prediction"}
        self.weighted_mask_loss = WeightedMaskLoss(
            list(self.mask_losses.values()), [self.weights[name] for name in self.mask_losses], compiled
        )
        self.matcher = matcher
        self.deep_supervision = deep_supervision
        self.ignore_void = ignore_void
        self.points = points
        self.query_losses = [*self.class_losses, *self.mask_losses]
        if self.query_losses and matcher is None:
            raise ConfigError(
                f"criterion.matcher: loss '{self.query_losses[0]}' needs a matcher, such as {{type: hungarian}}."
            )

    def forward(self, prediction: Prediction | PixelPrediction, targets: list[Target]) -> LossReport:
        """Computes the loss of a batch.

        Args:
            prediction: of B images, with its earlier layers as `auxiliary`.
            targets: of the B images, at the size of the padded batch and on the prediction's device.

        Raises:
            ConfigError: a class or mask loss is given the prediction of a per-pixel model.
        """
        if isinstance(prediction, PixelPrediction):
            self._refuse_pixels()
            return self._report(self._compute_general_losses(self._supervised(prediction.layers), targets, None))
        if not self.ignore_void:
            targets = [replace(target, valid=None) for target in targets]
        layers = self._supervised(prediction.layers)
        if self.matcher is None:
            return self._report(self._compute_general_losses(layers, targets, None))
        # Matching is constant for the gradient, as is usual: gradients flow through the losses only.
        pairs = MatchedPairs.collect(self.matcher(layers, targets), targets, prediction.class_logits.device)
        values = self._compute_class_losses(layers, targets, pairs) | self._compute_general_losses(
            layers, targets, pairs.matches()
        )
        if not self.mask_losses:
            return self._report(values)
        mask_total, mask_values = self._compute_mask_losses(layers, targets, pairs)
        return self._report(values, mask_total, mask_values)

    def _supervised(self, layers: list[Layer]) -> list[Layer]:
        return layers if self.deep_supervision else layers[-1:]

    def _compute_class_losses(
        self, layers: Sequence[Prediction], targets: Sequence[Target], pairs: MatchedPairs
    ) -> dict[str, Tensor]:
        """Returns by name the unweighted value of each layer, (L,) with gradient."""
        if not self.class_losses:
            return {}
        no_object = layers[0].class_logits.shape[-1] - 1
        class_index = pairs.class_index(targets, layers[0].num_queries, no_object)  # (L, B, Q)
        return {
            name: torch.stack(
                [loss(layer.class_logits, index) for layer, index in zip(layers, class_index, strict=True)]
            )
            for name, loss in self.class_losses.items()
        }

    def _compute_general_losses(
        self,
        layers: Sequence[Prediction | PixelPrediction],
        targets: list[Target],
        matches: list[list[Match]] | None,
    ) -> dict[str, Tensor]:
        """Returns by name the unweighted value of each layer, (L,) with gradient."""
        by_layer = matches if matches is not None else [None] * len(layers)
        return {
            name: torch.stack([loss(layer, targets, match) for layer, match in zip(layers, by_layer, strict=True)])
            for name, loss in self.general_losses.items()
        }

    def _compute_mask_losses(
        self, layers: Sequence[Prediction], targets: Sequence[Target], pairs: MatchedPairs
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Returns the weighted sum with gradient, and by name the unweighted value of each layer, (L,) without."""
        maps = matched_mask_logits(layers, pairs)
        segments = pairs.by_image(pairs.target)
        total, values = matched_mask_losses(maps, targets, segments, self.weighted_mask_loss, self.points)
        # Counted by targets rather than pairs, and by every process, also one whose images have no segment.
        num_masks = _mean_over_processes(sum(len(target) for target in targets), total.device)
        sums = torch.zeros(len(values), len(layers), device=total.device).index_add_(1, pairs.layer, values)
        return total / num_masks, dict(zip(self.mask_losses, sums / num_masks, strict=True))

    def _report(
        self,
        values: dict[str, Tensor],
        mask_total: Tensor | None = None,
        mask_values: dict[str, Tensor] | None = None,
    ) -> LossReport:
        """Sums up, and names the value of each loss and layer."""
        totals = [self.weights[name] * by_layer.sum() for name, by_layer in values.items()]
        if mask_total is not None:
            totals.append(mask_total)
        reported = {name: by_layer.detach() for name, by_layer in values.items()} | (mask_values or {})
        num_layers = len(next(iter(reported.values())))
        # The last layer is the model's answer and has the plain name.
        suffixes = [*(f"/{index}" for index in range(num_layers - 1)), ""]
        parts = {
            name + suffix: by_layer[layer]
            for layer, suffix in enumerate(suffixes)
            for name, by_layer in reported.items()
        }
        return LossReport(torch.stack(totals).sum(), parts)

    def _refuse_pixels(self) -> None:
        if self.query_losses:
            raise ConfigError(
                f"criterion.losses: loss '{self.query_losses[0]}' needs a model with "
                "queries, but this model predicts the class of each pixel. Use the loss 'pixel_cross_entropy', or a "
                "model with queries such as 'mask_former'."
            )


def _mean_over_processes(count: int, device: torch.device) -> Tensor:
    """Returns the mean of `count` over all processes, at least 1."""
    mean = torch.tensor(float(count), device=device)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(mean)
        mean /= torch.distributed.get_world_size()
    return mean.clamp(min=1)
