"""The matcher `hungarian`."""

import warnings

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from segkit.ops.mask_costs import class_costs, mask_costs
from segkit.ops.pixel_logits import logits_reader
from segkit.ops.points import pixels_of, uniform_points
from segkit.ops.targets import masks_at, resize_target
from segkit.registries import MATCHERS
from segkit.registries.signature import Positive, Weight
from segkit.types import Match, Prediction, Target


@MATCHERS.register("hungarian")
class HungarianMatcher:
    """One-to-one matching of queries and segments at the least total cost of class, focal and dice terms.

    The class term is minus the probability, not minus its logarithm, so that it stays on the scale of the other terms.
    Masks are compared at the size of the mask maps, or at random points drawn for each image. Pixels that are not valid
    do not count. With more segments than queries the cheapest pairs are made, and a warning is given once.

    Args:
        class_cost: Weight of the class term.
        mask_cost: Weight of the focal term.
        dice_cost: Weight of the dice term.
        num_points: Compare masks at this many random points (12544 in Cheng et al. 2022); by default at every pixel of
            the mask map.

    Example:
        >>> masks = torch.tensor([[[[-9.0, -9.0]], [[9.0, 9.0]]]])  # 1 image, 2 queries, 1 x 2 pixels
        >>> prediction = Prediction(class_logits=torch.zeros(1, 2, 3), dense_mask_logits=masks)
        >>> target = Target(labels=torch.tensor([0]), segment_map=torch.zeros(4, 8, dtype=torch.int16))
        >>> [[(query_index, target_index)]] = HungarianMatcher()([prediction], [target])
        >>> query_index.tolist(), target_index.tolist()
        ([1], [0])
    """

    def __init__(
        self,
        *,
        class_cost: Weight = 1.0,
        mask_cost: Weight = 20.0,
        dice_cost: Weight = 1.0,
        num_points: Positive | None = None,
    ) -> None:
        self.class_cost = class_cost
        self.mask_cost = mask_cost
        self.dice_cost = dice_cost
        self.num_points = num_points
        self._warned_of_excess = False

    @torch.no_grad()
    def __call__(self, layers: list[Prediction], targets: list[Target]) -> list[list[Match]]:
        """Returns per layer and image the matched (query_index, target_index), by rising query_index, on the CPU."""
        # In half precision, costs of similar queries would be equal and the sums over pixels inexact.
        with torch.autocast(layers[0].class_logits.device.type, enabled=False):
            costs = [self.costs(layers, target, image) for image, target in enumerate(targets)]
        # One transfer for all layers and images: each would wait for the GPU.
        flat = torch.cat([cost.flatten() for cost in costs]).cpu().numpy()
        chunks = np.split(flat, np.cumsum([cost.numel() for cost in costs])[:-1])
        by_image = [
            [self._assign(of_layer, layer, image) for layer, of_layer in enumerate(chunk.reshape(cost.shape))]
            for image, (chunk, cost) in enumerate(zip(chunks, costs, strict=True))
        ]
        return [list(of_layer) for of_layer in zip(*by_image, strict=True)]

    def costs(self, layers: list[Prediction], target: Target, image: int) -> Tensor:
        """Computes the cost of each pair of one image, for all layers at once.

        Returns:
            (L,Q,N) float32 on the prediction's device.
        """
        class_logits = torch.stack([layer.class_logits[image] for layer in layers]).float()
        points = None
        if self.num_points is None:
            segments, valid = _at_map_pixels(target, layers[0])
        else:
            (points,) = uniform_points(1, self.num_points, class_logits.device)
            segments, valid = _at_points(target, points)
        shape = class_logits.shape[:2]  # (L, Q)
        focal, dice = mask_costs(logits_reader(layers, image, points), shape.numel(), segments, valid)
        of_masks = (self.mask_cost * focal + self.dice_cost * dice).T.reshape(*shape, len(target))
        return self.class_cost * class_costs(class_logits, target.labels) + of_masks

    def _assign(self, cost: npt.NDArray[np.float32], layer: int, image: int) -> Match:
        """Solves the assignment of one layer and image, `cost` (Q,N)."""
        if not np.isfinite(cost).all():
            warnings.warn(
                f"matcher 'hungarian': the costs of image {image} of the batch at decoder layer {layer} are not "
                "finite and are replaced by very large ones. The model's outputs have diverged: check the learning "
                "rate.",
                stacklevel=2,
            )
            # scipy refuses costs that are not finite, but training may recover (a loss scaler skips such a step).
            cost = np.nan_to_num(cost, nan=1e6, posinf=1e6, neginf=-1e6)
        if cost.shape[1] > cost.shape[0] and not self._warned_of_excess:
            self._warned_of_excess = True
            warnings.warn(
                f"matcher 'hungarian': an image has {cost.shape[1]} segments but the model {cost.shape[0]} queries. "
                "The cheapest pairs are matched, the other segments are not learned. Raise num_queries to learn all.",
                stacklevel=2,
            )
        query, target = linear_sum_assignment(cost)
        return torch.from_numpy(query), torch.from_numpy(target)


def _at_map_pixels(target: Target, layer: Prediction) -> tuple[Tensor, Tensor | None]:
    """Returns the segments (N,P) bool and the validity (P,) bool or None at the pixels of the mask map."""
    small = resize_target(target, layer.mask_size)
    return small.masks.flatten(1), None if small.valid is None else small.valid.flatten()


def _at_points(target: Target, points: Tensor) -> tuple[Tensor, Tensor | None]:
    """Returns the segments (N,P) bool and the validity (P,) bool or None at `points` (P,2)."""
    pixels = pixels_of(points, target.size)
    valid = None if target.valid is None else target.valid.flatten()[pixels]
    return masks_at(target, torch.arange(len(target), device=points.device), pixels), valid
