"""The criterion: from a prediction and its targets to one weighted loss."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from segkit.criterion.layer_groups import LayerGroup, group_layers, in_order
from segkit.criterion.mask_losses import WeightedMaskLoss, matched_mask_losses
from segkit.criterion.matched_pairs import matched_mask_logits
from segkit.criterion.normalizers import mean_over_processes, normalizer_of, unmatched_class_index
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
    """The loss of one batch, or its contribution to the loss of a step."""

    total: Tensor
    """Scalar with gradient: the weighted sum over losses and layers."""
    parts: dict[str, Tensor]
    """Unweighted scalars without gradient: `name` of the last layer, `name/0`, `name/1`, … of the earlier ones."""

    @property
    def named(self) -> dict[str, Tensor]:
        """`total` and all parts, by name."""
        return {"total": self.total, **self.parts}


class Criterion(nn.Module):
    """Matches queries with segments and computes the weighted sum of all losses over all decoder layers.

    Each loss is a sum over the images, divided by a normalizer: mask losses by the number of segments, class losses by
    the sum of their class weights. The normalizers are those of all images of an optimizer step, so the images may come
    in several batches or processes. `segkit.criterion` draws the path of a loss through this package.

    Args:
        losses: All losses, with different names.
        matcher: Pairs queries with segments; class and mask losses need one.
        deep_supervision: Compute the losses of every decoder layer instead of the last one only.
        ignore_void: Leave void pixels out of matching and mask losses; otherwise they count as outside of every mask.
            For a per-pixel model it has no meaning: void pixels never count.
        points: Compute mask losses at random points of each mask; None = at every pixel.
        compiled: Compile the mask losses, which takes some seconds once and makes each step faster.

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

    def normalizers(self, prediction: Prediction | PixelPrediction, targets: list[Target]) -> Tensor:
        """Returns what each loss is divided by for these images, (losses,) float32 in the order of `losses`.

        It does not depend on the values of the prediction. The normalizers of several batches add up.

        Args:
            prediction: Of any images; its numbers of queries and classes are used.
            targets: Of the images, on the prediction's device.
        """
        targets = self._supervised_targets(prediction, targets)
        class_index, device = None, _device_of(prediction)
        if isinstance(prediction, Prediction) and self.class_losses:
            num_queries, no_object = prediction.num_queries, prediction.class_logits.shape[-1] - 1
            class_index = unmatched_class_index(targets, num_queries, no_object)
        return torch.stack([normalizer_of(one.loss, targets, class_index, device) for one in self.losses])

    def forward(
        self, prediction: Prediction | PixelPrediction, targets: list[Target], normalizers: Tensor | None = None
    ) -> LossReport:
        """Computes the loss of a batch, or its contribution to the loss of a step.

        Args:
            prediction: Of B images, with its earlier layers as `auxiliary`.
            targets: Of the B images, at the size of the padded batch and on the prediction's device.
            normalizers: What the losses are divided by, (losses,): those of all batches of the step added up, and
                averaged over the processes. The contributions of a step's batches then add up to its loss, and those
                of processes average to it. None: those of this batch, averaged over the processes.

        Raises:
            ConfigError: a class or mask loss is given the prediction of a per-pixel model.
        """
        if isinstance(prediction, PixelPrediction):
            self._refuse_pixels()
        if normalizers is None:
            normalizers = mean_over_processes(self.normalizers(prediction, targets))
        # A sum over nothing is 0, whatever it is divided by.
        divisors = dict(zip(self.weights, torch.where(normalizers > 0, normalizers, 1), strict=True))
        targets = self._supervised_targets(prediction, targets)
        if isinstance(prediction, PixelPrediction):
            return self._report(self._sum_general_losses(self._supervised(prediction.layers), targets, None), divisors)
        layers = self._supervised(prediction.layers)
        if self.matcher is None:
            return self._report(self._sum_general_losses(layers, targets, None), divisors)
        groups = group_layers(layers, targets, self.matcher)
        sums = self._sum_class_losses(groups, targets, layers[-1].num_queries)
        sums |= self._sum_general_losses(layers, targets, in_order(groups, [one.pairs.matches() for one in groups]))
        if not self.mask_losses:
            return self._report(sums, divisors)
        return self._report(sums, divisors, *self._sum_mask_losses(groups, targets))

    def _supervised_targets(self, prediction: Prediction | PixelPrediction, targets: list[Target]) -> list[Target]:
        if self.ignore_void or isinstance(prediction, PixelPrediction):
            return targets
        return [replace(target, valid=None) for target in targets]

    def _supervised(self, layers: list[Layer]) -> list[Layer]:
        return layers if self.deep_supervision else layers[-1:]

    def _sum_class_losses(
        self, groups: Sequence[LayerGroup], targets: list[Target], num_queries: int
    ) -> dict[str, Tensor]:
        """Returns by name the sum over images of each layer, (L,) with gradient."""
        if not self.class_losses:
            return {}
        values: dict[str, list[list[Tensor]]] = {name: [] for name in self.class_losses}
        for group in groups:
            no_object = group.layers[0].class_logits.shape[-1] - 1
            class_index = group.pairs.class_index(targets, group.num_queries, no_object)  # (L, B, Q)
            usual = None
            if group.brings_matches or group.num_queries != num_queries:
                # The step is divided by what the usual queries weigh: layers with other queries count as much.
                usual = unmatched_class_index(targets, num_queries, no_object)
            for name, loss in self.class_losses.items():
                of_group = [
                    # The normalizer of the matched queries makes a sum of the mean.
                    loss(layer.class_logits, index)
                    * normalizer_of(loss, targets, index if usual is None else usual, index.device)
                    for layer, index in zip(group.layers, class_index, strict=True)
                ]
                values[name].append(of_group)
        return {name: torch.stack(in_order(groups, of_groups)) for name, of_groups in values.items()}

    def _sum_general_losses(
        self,
        layers: Sequence[Prediction | PixelPrediction],
        targets: list[Target],
        matches: list[list[Match]] | None,
    ) -> dict[str, Tensor]:
        """Returns by name the sum over images of each layer, (L,) with gradient."""
        by_layer = matches if matches is not None else [None] * len(layers)
        return {
            name: torch.stack([loss(layer, targets, match) for layer, match in zip(layers, by_layer, strict=True)])
            * normalizer_of(loss, targets, None, _device_of(layers[0]))
            for name, loss in self.general_losses.items()
        }

    def _sum_mask_losses(
        self, groups: Sequence[LayerGroup], targets: Sequence[Target]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Returns the weighted sum over masks with gradient, and by name the sum of each layer, (L,) without."""
        found = [self._mask_losses_of(group, targets) for group in groups]
        total = found[0][0] if len(found) == 1 else torch.stack([one for one, _ in found]).sum()
        sums = found[0][1]
        if len(found) > 1:
            sums = torch.stack(in_order(groups, [by_layer.unbind(1) for _, by_layer in found]), dim=1)
        return total, dict(zip(self.mask_losses, sums, strict=True))

    def _mask_losses_of(self, group: LayerGroup, targets: Sequence[Target]) -> tuple[Tensor, Tensor]:
        """Returns the weighted sum over the masks of a group, and the sums of each loss and layer (losses,L)."""
        pairs = group.pairs
        maps, map_of = matched_mask_logits(group.layers, pairs)
        total, values = matched_mask_losses(maps, map_of, targets, pairs.segments, self.weighted_mask_loss, self.points)
        sums = torch.zeros(len(values), len(group.layers), device=total.device).index_add_(1, pairs.layer, values)
        return (total, sums) if group.fraction == 1 else (group.fraction * total, group.fraction * sums)

    def _report(
        self,
        sums: dict[str, Tensor],
        divisors: dict[str, Tensor],
        mask_total: Tensor | None = None,
        mask_sums: dict[str, Tensor] | None = None,
    ) -> LossReport:
        """Divides by the normalizers, sums up, and names the value of each loss and layer."""
        totals = [self.weights[name] * by_layer.sum() / divisors[name] for name, by_layer in sums.items()]
        if mask_total is not None:
            # All mask losses have the same normalizer, the number of masks.
            totals.append(mask_total / divisors[next(iter(self.mask_losses))])
        by_name = {name: by_layer.detach() for name, by_layer in sums.items()} | (mask_sums or {})
        reported = {name: by_layer / divisors[name] for name, by_layer in by_name.items()}
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


def _device_of(prediction: Prediction | PixelPrediction) -> torch.device:
    """Returns the device of a prediction."""
    return prediction.class_logits.device if isinstance(prediction, Prediction) else prediction.pixel_logits.device
