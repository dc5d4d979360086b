"""What models predict for a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from segkit.types.deferred import DeferredFeatures, computed_features
from segkit.types.sizes import Size
from segkit.types.targets import Match


class MaskProduct(NamedTuple):
    """The two factors of mask logits: embeddings (B, Q, E) and features (B, E, h, w)."""

    embeddings: Tensor
    features: Tensor


@dataclass
class Prediction:
    """Output of a mask classification model for a batch.

    Masks are the product of `mask_embeddings` and `mask_features`, computed only on request: all masks of all decoder
    layers would take much memory. A decoder that computes masks in another way sets `dense_mask_logits` instead.

    A decoder may return a subclass with further fields. Losses with `input_type = "prediction"` and postprocessors get
    it as the decoder made it.

    Example:
        >>> prediction = Prediction(torch.zeros(2, 10, 4), torch.zeros(2, 10, 8), torch.zeros(2, 8, 16, 16))
        >>> prediction.mask_logits.shape
        torch.Size([2, 10, 16, 16])
        >>> prediction.mask_logits_of(0, torch.tensor([3, 7])).shape
        torch.Size([2, 16, 16])
    """

    class_logits: Tensor
    """(B, Q, K+1), last index = no object."""
    mask_embeddings: Tensor | None = None
    """(B, Q, E)."""
    mask_features: Tensor | DeferredFeatures | None = None
    """(B, E, h, w). Deferred ones are computed by `mask_source`, and no sooner."""
    dense_mask_logits: Tensor | None = None
    """(B, Q, h, w), where masks are not a product."""
    mask_quality: Tensor | None = None
    """(B, Q), 0..1: how well each mask fits in the model's own estimate, such as its IoU (Huang et al. 2019). The
    postprocessors `instance` and `panoptic` multiply it into the scores. None: not estimated."""
    matches: list[Match] | None = None
    """Per image (query_index (M,), target_index (M,)) int64 on the CPU: the segments that queries were made of. The
    losses of this layer take these pairs instead of those of a matcher. A segment may have several queries; queries
    without a segment are trained on no object. Only an auxiliary prediction may have them. None: a matcher decides."""
    auxiliary: list[Prediction] = field(default_factory=list)
    """Predictions of the earlier decoder layers, earliest first, and of queries of their own (denoising), in any place.
    Each may have its own number of queries. How many there are must not depend on the targets."""

    @property
    def num_queries(self) -> int:
        return int(self.class_logits.shape[1])

    @property
    def layers(self) -> list[Prediction]:
        """Predictions of all decoder layers, earliest first, this one last."""
        return [*self.auxiliary, self]

    @property
    def mask_source(self) -> Tensor | MaskProduct:
        """The dense mask logits (B, Q, h, w), or the two factors of their product."""
        if self.dense_mask_logits is not None:
            return self.dense_mask_logits
        assert self.mask_embeddings is not None and self.mask_features is not None, (  # noqa: PT018
            "a Prediction needs mask_embeddings and mask_features, or dense_mask_logits"
        )
        return MaskProduct(self.mask_embeddings, computed_features(self.mask_features))

    @property
    def mask_size(self) -> Size:
        """(h, w) of the masks."""
        source = self._deferred or self.mask_source
        maps = source.features if isinstance(source, MaskProduct) else source
        return int(maps.shape[-2]), int(maps.shape[-1])

    @property
    def mask_logits(self) -> Tensor:
        """(B, Q, h, w): the masks of all queries."""
        if self._deferred is not None and self.mask_embeddings is not None:
            return torch.stack([self._deferred.masks(*image) for image in enumerate(self.mask_embeddings)])
        source = self.mask_source
        if isinstance(source, Tensor):
            return source
        return torch.einsum("bqe,behw->bqhw", source.embeddings, source.features)

    def mask_logits_of(self, image: int, queries: Tensor) -> Tensor:
        """Computes only the masks (M, h, w) of `queries` (M,) int64 of one image."""
        if self._deferred is not None and self.mask_embeddings is not None:
            return self._deferred.masks(image, self.mask_embeddings[image, queries])
        source = self.mask_source
        if isinstance(source, Tensor):
            return source[image, queries]  # (M, h, w)
        return torch.einsum("me,ehw->mhw", source.embeddings[image, queries], source.features[image])

    @property
    def _deferred(self) -> DeferredFeatures | None:
        """The mask features, if masks are a product with deferred ones."""
        is_product = self.dense_mask_logits is None
        return self.mask_features if is_product and isinstance(self.mask_features, DeferredFeatures) else None


@dataclass
class PixelPrediction:
    """Output of a per-pixel classification model for a batch."""

    pixel_logits: Tensor
    """(B, K, h, w)."""
    auxiliary: list[PixelPrediction] = field(default_factory=list)
    """Predictions of auxiliary heads, earliest first."""

    @property
    def layers(self) -> list[PixelPrediction]:
        return [*self.auxiliary, self]
