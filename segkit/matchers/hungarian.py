"""The bipartite matching of queries to segments (Cheng et al. 2021, sec. 3.2)."""

import warnings

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from segkit.ops.mask_costs import class_costs, dice_costs, focal_costs
from segkit.registries import MATCHERS
from segkit.types import Match, Prediction, Target


@MATCHERS.register("hungarian")
class HungarianMatcher:
    """Pairs queries and segments one to one at the least total cost of class, focal and dice terms.

    The class term is minus the probability, not its logarithm, so that it stays on the scale of the others. Masks are
    compared at the size of the mask map; pixels that a target says are not valid are left out. With more segments than
    queries the best pairs are made, and a warning is given once.
    """

    def __init__(self, *, class_cost: float = 1.0, mask_cost: float = 20.0, dice_cost: float = 1.0) -> None:
        """
        Args:
            class_cost: weight of the class term.
            mask_cost: weight of the focal term.
            dice_cost: weight of the dice term.
        """
        self.class_cost = class_cost
        self.mask_cost = mask_cost
        self.dice_cost = dice_cost
        self._warned_of_excess = False

    @torch.no_grad()
    def __call__(self, layers: list[Prediction], targets: list[Target]) -> list[list[Match]]:
        """Per layer and image the matched (query_index, target_index), by rising query_index; on the CPU."""
        masks = [_masks_at(target, layers[0]) for target in targets]
        with torch.autocast(layers[0].class_logits.device.type, enabled=False):
            costs = [self._costs(layer, targets, masks) for layer in layers]
        sizes = [cost.shape for of_layer in costs for cost in of_layer]
        flat = torch.cat([cost.flatten() for of_layer in costs for cost in of_layer]).cpu().numpy()  # the one transfer
        pieces = iter(np.split(flat, np.cumsum([size.numel() for size in sizes])[:-1]))
        return [
            [self._assign(next(pieces).reshape(cost.shape), layer, image) for image, cost in enumerate(of_layer)]
            for layer, of_layer in enumerate(costs)
        ]

    def _costs(
        self, layer: Prediction, targets: list[Target], masks: list[tuple[Tensor, Tensor | None]]
    ) -> list[Tensor]:
        """Per image (Q,N) float32."""
        all_logits = layer.mask_logits.float().flatten(2)  # (B, Q, hw)
        costs = []
        for class_logits, logits, target, (mask, valid) in zip(
            layer.class_logits.float(), all_logits, targets, masks, strict=True
        ):
            if valid is not None:
                logits = logits[:, valid]
            costs.append(
                self.class_cost * class_costs(class_logits, target.labels)
                + self.mask_cost * focal_costs(logits, mask)
                + self.dice_cost * dice_costs(logits, mask)
            )
        return costs

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
                f"matcher 'hungarian': a picture has {cost.shape[1]} segments and the model {cost.shape[0]} queries; "
                "the best pairs are matched and the other segments go unlearned. Raise num_queries to learn them all.",
                stacklevel=2,
            )
        query, target = linear_sum_assignment(cost)
        return torch.from_numpy(query), torch.from_numpy(target)


def _masks_at(target: Target, layer: Prediction) -> tuple[Tensor, Tensor | None]:
    """(N, P) float masks at the mask map's size (nearest pixel), and (hw,) bool: which pixels P are, None = all."""
    where = layer.mask_features if layer.mask_features is not None else layer.dense_mask_logits
    assert where is not None
    size = (int(where.shape[-2]), int(where.shape[-1]))
    small = target.resized(size)
    masks = small.masks.flatten(1).float()
    if small.valid is None:
        return masks, None
    valid = small.valid.flatten()
    return masks[:, valid], valid
