"""The matched pairs of a batch as flat arrays, and the mask logits of the matched queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from segkit.ops.pixel_logits import shared_product
from segkit.types import Match, Prediction, Target


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

    image: Tensor
    """(M,) int64: index in the batch."""
    layer: Tensor
    """(M,) int64: index of the decoder layer."""
    query: Tensor
    """(M,) int64: index of the query."""
    target: Tensor
    """(M,) int64: index of the segment within its image."""
    segment: Tensor
    """(M,) int64: index of the segment among those of all images, the first image's first."""
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
        rows, counts, first_segment = [], [], 0
        for image, (target, layers) in enumerate(zip(targets, zip(*matches, strict=True), strict=True)):
            for layer, (query, index) in enumerate(layers):
                place = [torch.full_like(query, image), torch.full_like(query, layer)]
                rows.append(torch.stack([*place, query, index, index + first_segment]))  # (5, pairs)
            counts.append([len(query) for query, _ in layers])
            first_segment += len(target)
        image_index, layer_index, query, index, segment = torch.cat(rows, dim=1).to(device)
        return cls(image_index, layer_index, query, index, segment, counts)

    def by_image(self, values: Tensor) -> tuple[Tensor, ...]:
        """Splits (M,…) into one tensor per image."""
        return torch.split(values, [sum(layers) for layers in self.counts])

    def matches(self) -> list[list[Match]]:
        """Returns per layer and image (query_index, target_index), on the device of the pairs."""
        counts = [count for layers in self.counts for count in layers]
        flat = list(zip(torch.split(self.query, counts), torch.split(self.target, counts), strict=True))
        num_layers = len(self.counts[0])
        return [flat[layer::num_layers] for layer in range(num_layers)]

    def class_index(self, targets: Sequence[Target], num_queries: int, no_object: int) -> Tensor:
        """Returns (L,B,Q) int64: the class of the segment matched to each query, `no_object` for unmatched ones."""
        shape = (len(self.counts[0]), len(self.counts), num_queries)
        class_index = torch.full(shape, no_object, dtype=torch.int64, device=self.query.device)
        labels = torch.cat([target.labels for target in targets])
        class_index[self.layer, self.image, self.query] = labels[self.segment]
        return class_index


def matched_mask_logits(layers: Sequence[Prediction], pairs: MatchedPairs) -> list[Tensor]:
    """Computes the masks of the matched queries and no others.

    Layers that share their mask features (all layers of MaskFormer do) become one product. Its backward pass then
    computes the large gradient of the features once instead of once per layer and image.

    Returns:
        Per image (M_i,h,w) float32, in the order of the pairs.
    """
    shared = shared_product(layers)
    if shared is not None:
        embeddings, features = torch.stack(shared[0]), shared[1]  # (L, B, Q, E), (B, E, h, w)
        matched = pairs.by_image(embeddings[pairs.layer, pairs.image, pairs.query])
        # Images have different numbers of pairs: pad to the largest, multiply once, cut the padding off.
        masks = pad_sequence(list(matched), batch_first=True) @ features.flatten(2)  # (B, M_max, h * w)
        maps = masks.view(*masks.shape[:2], *features.shape[2:])
        return [image_maps[: len(own)].float() for image_maps, own in zip(maps, matched, strict=True)]
    logits = []
    for image, matches in enumerate(zip(*pairs.matches(), strict=True)):
        masks_by_layer = [layer.mask_logits_of(image, query) for layer, (query, _) in zip(layers, matches, strict=True)]
        logits.append(torch.cat(masks_by_layer).float())
    return logits
