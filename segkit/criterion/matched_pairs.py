"""The matched pairs of a batch as flat arrays, and the mask logits of the matched queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segkit.ops.pixel_logits import shared_product
from segkit.ops.target_batch import ChosenSegments, numbered
from segkit.types import DeferredFeatures, Match, Prediction, Target


@dataclass(frozen=True)
class MatchedPairs:
    """All matched pairs of a batch: M rows, ordered by image and, within an image, by decoder layer.

    Example:
        >>> import torch
        >>> targets = [Target(torch.tensor([7, 5]), torch.tensor([[0, 1]], dtype=torch.int16))]
        >>> matches = [[(torch.tensor([0, 2]), torch.tensor([1, 0]))]]  # one layer, one image
        >>> pairs = MatchedPairs.collect(matches, targets, torch.device("cpu"))
        >>> pairs.class_index(targets, num_queries=4, no_object=9).tolist()
        [[[5, 9, 7, 9]]]
    """

    segments: ChosenSegments
    """The segment of each pair."""
    layer: Tensor
    """(M,) int64: index of the decoder layer."""
    query: Tensor
    """(M,) int64: index of the query."""
    rank: Tensor
    """(M,) int64: index of the pair among those of its image."""
    counts: list[list[int]]
    """Number of pairs by image and layer. Held on the CPU, so that splitting never waits for a GPU."""

    @classmethod
    def collect(
        cls, matches: Sequence[Sequence[Match]], targets: Sequence[Target], device: torch.device
    ) -> MatchedPairs:
        """Flattens what a matcher returned and moves it to `device` in one transfer.

        Args:
            matches: Per layer and image (query_index, target_index), on the CPU.
            targets: Of the B images.
            device: Of the prediction.
        """
        by_image = [pair for layers in zip(*matches, strict=True) for pair in layers]
        counts = np.array([len(query) for query, _ in by_image]).reshape(len(targets), len(matches))
        image_index, layer_index = (np.repeat(axis.flatten(), counts.flatten()) for axis in np.indices(counts.shape))
        queries, indices = (np.concatenate([pair[side].numpy() for pair in by_image]) for side in (0, 1))
        firsts = np.cumsum([0, *(len(target) for target in targets[:-1])])
        ranks = numbered(counts.sum(1))
        rows = np.stack([image_index, indices, indices + firsts[image_index], layer_index, queries, ranks])
        image, index, segment, layer, query, rank = torch.from_numpy(rows).to(device)
        return cls(ChosenSegments(image, index, segment, image_index), layer, query, rank, counts.tolist())

    def matches(self) -> list[list[Match]]:
        """Returns per layer and image (query_index, target_index), on the device of the pairs."""
        counts = [count for layers in self.counts for count in layers]
        flat = list(zip(torch.split(self.query, counts), torch.split(self.segments.index, counts), strict=True))
        num_layers = len(self.counts[0])
        return [flat[layer::num_layers] for layer in range(num_layers)]

    def class_index(self, targets: Sequence[Target], num_queries: int, no_object: int) -> Tensor:
        """Returns (L,B,Q) int64: the class of the segment matched to each query, `no_object` for unmatched ones."""
        shape = (len(self.counts[0]), len(self.counts), num_queries)
        class_index = torch.full(shape, no_object, dtype=torch.int64, device=self.query.device)
        labels = torch.cat([target.labels for target in targets])
        class_index[self.layer, self.segments.image, self.query] = labels[self.segments.segment]
        return class_index


def matched_mask_logits(layers: Sequence[Prediction], pairs: MatchedPairs) -> tuple[Tensor, Tensor]:
    """Computes the masks of the matched queries and no others.

    Layers that share their mask features (all layers of MaskFormer do) become one product. Its backward pass then
    computes the large gradient of the features once instead of once per layer and image.

    Returns:
        Mask maps (R,h,w) float32, and the map of each pair (M,) int64. R may be larger than M.
    """
    image = pairs.segments.image
    shared = shared_product(layers)
    if shared is not None:
        embeddings, features = torch.stack(shared[0]), shared[1]  # (L, B, Q, E), (B, E, h, w)
        most = max(sum(by_layer) for by_layer in pairs.counts)
        # Images have different numbers of pairs: pad to the largest and multiply once.
        padded = embeddings.new_zeros(features.shape[0], most, embeddings.shape[-1])
        padded[image, pairs.rank] = embeddings[pairs.layer, image, pairs.query]
        if isinstance(features, DeferredFeatures):
            masks = features.masks_of_batch(padded)  # (B, most, h, w)
        else:
            # Channels last, as convolutions leave the features, so that their gradient is not rearranged.
            pixels = features.flatten(2).mT  # (B, h*w, E)
            masks = (pixels @ padded.mT).mT.reshape(*padded.shape[:2], *features.shape[2:])
        return masks.flatten(0, 1).float(), image * most + pairs.rank
    masks_of = [
        layer.mask_logits_of(image, query)
        for image, matches in enumerate(zip(*pairs.matches(), strict=True))
        for layer, (query, _) in zip(layers, matches, strict=True)
    ]
    return torch.cat(masks_of).float(), torch.arange(len(pairs.query), device=pairs.query.device)
