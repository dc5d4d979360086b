"""The matcher `hungarian`."""

import warnings

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from segkit.errors import counted
from segkit.ops.mask_costs import PixelLoss, class_costs, mask_costs
from segkit.ops.pixel_logits import logits_reader
from segkit.ops.points import pixels_of, uniform_points
from segkit.ops.target_batch import TargetBatch
from segkit.registries import MATCHERS
from segkit.registries.signature import Positive, Weight
from segkit.types import Match, Prediction, Target


@MATCHERS.register("hungarian")
class HungarianMatcher:
    """One-to-one matching of queries and segments at the least total cost of class, mask and dice terms.

    The class term is minus the probability, not minus its logarithm, so that it stays on the scale of the other terms.
    Masks are compared at the size of the mask maps, or at random points drawn for each image. Pixels that are not valid
    do not count. With more segments than queries the cheapest pairs are made, and a warning is given once.

    Args:
        class_cost: Weight of the class term.
        mask_cost: Weight of the mask term.
        dice_cost: Weight of the dice term.
        num_points: Compare masks at this many random points (12544 in Cheng et al. 2022); by default at every pixel of
            the mask map.
        mask_loss: The loss that is the mask term: focal, or binary cross entropy as in Cheng et al. 2022.

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
        mask_loss: PixelLoss = "focal",
    ) -> None:
        self.class_cost = class_cost
        self.mask_cost = mask_cost
        self.dice_cost = dice_cost
        self.num_points = num_points
        self.mask_loss = mask_loss
        self._warned_of_excess = False

    @torch.no_grad()
    def __call__(self, layers: list[Prediction], targets: list[Target]) -> list[list[Match]]:
        """Returns per layer and image the matched (query_index, target_index), by rising query_index, on the CPU."""
        # In half precision, costs of similar queries would be equal and the sums over pixels inexact.
        with torch.autocast(layers[0].class_logits.device.type, enabled=False):
            # One transfer for all layers and images: each would wait for the GPU.
            costs = self.costs(layers, targets).cpu().numpy()
        return [
            [self._assign(cost[:, : len(target)], layer, image) for image, (cost, target) in enumerate(of_layer)]
            for layer, of_layer in enumerate(zip(by_image, targets, strict=True) for by_image in costs)
        ]

    def costs(self, layers: list[Prediction], targets: list[Target]) -> Tensor:
        """Computes the cost of each pair, for all layers and images at once.

        Returns:
            (L,B,Q,N) float32 on the prediction's device; N is the largest number of segments of an image, and an
            image's further costs have no meaning.
        """
        class_logits = torch.stack([layer.class_logits for layer in layers]).float()
        segments, points = TargetBatch.collect(targets), None
        if self.num_points is None:
            segments = segments.resized(layers[0].mask_size)
        else:
            points = uniform_points(len(targets), self.num_points, class_logits.device)
            segments = segments.at(pixels_of(points, targets[0].size))
        masks = segments.padded_masks().flatten(2)  # (B, N, P)
        valid = None if segments.valid is None else segments.valid.flatten(1)
        num_layers, num_images, num_queries = class_logits.shape[:3]
        reader = logits_reader(layers, points)
        pixels, dice = mask_costs(reader, num_layers * num_queries, masks, valid, self.mask_loss)
        of_masks = (self.mask_cost * pixels + self.dice_cost * dice).mT  # (B, L * Q, N)
        of_masks = of_masks.reshape(num_images, num_layers, num_queries, -1).transpose(0, 1)
        return self.class_cost * class_costs(class_logits, segments.padded_labels()) + of_masks

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
            segments, queries = counted(cost.shape[1], "segment"), counted(cost.shape[0], "query")
            warnings.warn(
                f"matcher 'hungarian': an image has {segments}, but the model has {queries}. "
                "The cheapest pairs are matched, the other segments are not learned. Raise num_queries to learn all.",
                stacklevel=2,
            )
        query, target = linear_sum_assignment(cost)
        return torch.from_numpy(query), torch.from_numpy(target)
