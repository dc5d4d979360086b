"""The bipartite matching of queries to segments (Cheng et al. 2021, sec. 3.2)."""

import warnings

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from segkit.criterion.mask_logits import pixel_reader
from segkit.ops.mask_costs import class_costs, mask_costs
from segkit.ops.points import pixels_of, uniform_points
from segkit.ops.targets import resize_target
from segkit.registries import MATCHERS
from segkit.registries.signature import Positive, Weight
from segkit.types import Match, Prediction, Target


@MATCHERS.register("hungarian")
class HungarianMatcher:
    """Pairs queries and segments one to one at the least total cost of class, focal and dice terms.

    The class term is minus the probability, not its logarithm, so that it stays on the scale of the others. Masks are
    compared at the size of the mask map, or at points drawn anew for each image; pixels that a target says are not
    valid are left out. With more segments than queries the best pairs are made, and a warning is given once.
    """

    def __init__(
        self,
        *,
        class_cost: Weight = 1.0,
        mask_cost: Weight = 20.0,
        dice_cost: Weight = 1.0,
        num_points: Positive | None = None,
    ) -> None:
        """
        Args:
            class_cost: weight of the class term.
            mask_cost: weight of the focal term.
            dice_cost: weight of the dice term.
            num_points: compare masks at so many random points (Cheng et al. 2022 take 12544); by default at every
                pixel of the mask map.
        """
        self.class_cost = class_cost
        self.mask_cost = mask_cost
        self.dice_cost = dice_cost
        self.num_points = num_points
        self._warned_of_excess = False

    @torch.no_grad()
    def __call__(self, layers: list[Prediction], targets: list[Target]) -> list[list[Match]]:
        """Per layer and image the matched (query_index, target_index), by rising query_index; on the CPU."""
        with torch.autocast(layers[0].class_logits.device.type, enabled=False):
            costs = [self._costs(layers, target, image) for image, target in enumerate(targets)]
        flat = torch.cat([cost.flatten() for cost in costs]).cpu().numpy()  # the one transfer
        pieces = iter(np.split(flat, np.cumsum([cost.numel() for cost in costs])[:-1]))
        of_images = [
            [self._assign(of_layer, layer, image) for layer, of_layer in enumerate(next(pieces).reshape(cost.shape))]
            for image, cost in enumerate(costs)
        ]
        return [list(of_layer) for of_layer in zip(*of_images, strict=True)]

    def _costs(self, layers: list[Prediction], target: Target, image: int) -> Tensor:
        """(L,Q,N) float32 of all layers for one image."""
        class_logits = torch.stack([layer.class_logits[image] for layer in layers]).float()
        points = None
        if self.num_points is None:
            masks, valid = _at_map_pixels(target, layers[0])
        else:
            (points,) = uniform_points(1, self.num_points, class_logits.device)
            masks, valid = _at_points(target, points)
        shape = class_logits.shape[:2]  # (L, Q)
        focal, dice = mask_costs(pixel_reader(layers, image, points), shape.numel(), masks, valid)
        of_masks = (self.mask_cost * focal + self.dice_cost * dice).T.reshape(*shape, len(target))
        return self.class_cost * class_costs(class_logits, target.labels) + of_masks

    def _assign(self, cost: "np.ndarray[tuple[int, int], np.dtype[np.float32]]", layer: int, image: int) -> Match:
        if not np.isfinite(cost).all():
            warnings.warn(
                f"matcher 'hungarian': the costs of image {image} of the batch at decoder layer {layer} are not "
                "finite; they are matched as very large. The model's outputs have diverged.",
                stacklevel=2,
            )
            cost = np.nan_to_num(cost, nan=1e6, posinf=1e6, neginf=-1e6)
        if cost.shape[1] > cost.shape[0] and not self._warned_of_excess:
            self._warned_of_excess = True
            warnings.warn(
                f"matcher 'hungarian': an image has {cost.shape[1]} segments and the model {cost.shape[0]} queries; "
                "the best pairs are matched and the other segments go unlearned. Raise num_queries to learn them all.",
                stacklevel=2,
            )
        query, target = linear_sum_assignment(cost)
        return torch.from_numpy(query), torch.from_numpy(target)


def _at_map_pixels(target: Target, layer: Prediction) -> tuple[Tensor, Tensor | None]:
    """(N,P) bool masks and (P,) bool validity or None at the pixels of the mask map, each standing for its nearest."""
    small = resize_target(target, layer.mask_size)
    return small.masks.flatten(1), None if small.valid is None else small.valid.flatten()


def _at_points(target: Target, points: Tensor) -> tuple[Tensor, Tensor | None]:
    """The same at `points` (P,2)."""
    pixels = pixels_of(points, target.size)
    valid = None if target.valid is None else target.valid.flatten()[pixels]
    if target.overlapping_masks is not None:
        return target.overlapping_masks.flatten(1)[:, pixels], valid
    assert target.segment_map is not None
    segments = torch.arange(len(target), dtype=target.segment_map.dtype, device=points.device)
    return target.segment_map.flatten()[pixels] == segments[:, None], valid
