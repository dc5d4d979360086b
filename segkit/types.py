"""The shape glossary and the values that travel between parts.

B batch · Q queries · K classes without no-object · C hidden_dim · E mask_dim · N segments of one image ·
H, W image · h, w mask map (usually H/4 x W/4) · P pixels or sampled points · M matched masks of a batch.

`*_logits` stand before, `*_probs` after the non-linearity. Class index K means "no object".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

NO_SEGMENT = -1
"""Value of a segment map where a pixel belongs to no segment."""

Size = tuple[int, int]
"""(height, width) in pixels."""

Match = tuple[Tensor, Tensor]
"""(query_index (M,), target_index (M,)) int64: which query is matched to which segment of one image."""


@dataclass(frozen=True)
class Feature:
    """What a part publishes of one feature map, so that its consumer can size itself."""

    channels: int
    stride: int


@dataclass
class Target:
    """The segments of one image: what they are and where.

    Exactly one of `segment_map` and `overlapping_masks` is given; `masks` makes (N,H,W) of either, on its device.
    N may be 0.
    """

    labels: Tensor
    """(N,) int64, class index 0..K-1."""
    segment_map: Tensor | None = None
    """(H,W) int16 or int32: index 0..N-1 of the segment a pixel belongs to, or NO_SEGMENT. Segments do not overlap."""
    overlapping_masks: Tensor | None = None
    """(N,H,W) bool, for segments that may overlap."""
    valid: Tensor | None = None
    """(H,W) bool: False where truth is unknown (void) or padding; None = known everywhere."""
    is_crowd: Tensor | None = None
    """(N,) bool: groups that count neither as hit nor as miss; None = no crowd."""
    areas: Tensor | None = None
    """(N,) float: the annotation's own areas in pixels, where it gives them (COCO's size ranges)."""

    def __post_init__(self) -> None:
        assert (self.segment_map is None) != (self.overlapping_masks is None), "one of segment_map, overlapping_masks"

    def __len__(self) -> int:
        return int(self.labels.shape[0])

    @property
    def size(self) -> Size:
        where = self.segment_map if self.segment_map is not None else self.overlapping_masks
        assert where is not None
        return int(where.shape[-2]), int(where.shape[-1])

    @property
    def masks(self) -> Tensor:
        """(N,H,W) bool."""
        return self.masks_of(torch.arange(len(self), device=self.labels.device))

    def masks_of(self, segments: Tensor) -> Tensor:
        """(M,H,W) bool: the masks of `segments` (M,) int64, no others being made."""
        if self.overlapping_masks is not None:
            return self.overlapping_masks[segments]
        assert self.segment_map is not None
        return self.segment_map == segments.to(self.segment_map.dtype)[:, None, None]

    def label_map(self, void: int) -> Tensor:
        """(H,W) int64 class index per pixel, `void` where there is no segment; of overlapping masks the last wins."""
        if self.segment_map is None:
            label_map = torch.full(self.size, void, dtype=torch.int64, device=self.labels.device)
            for label, mask in zip(self.labels, self.masks, strict=True):
                label_map[mask] = label
            return label_map
        with_void = torch.cat([self.labels, self.labels.new_tensor([void])])  # NO_SEGMENT = -1 is its last entry
        return with_void[self.segment_map.long()]

    def select(self, keep: Tensor) -> Target:
        """The segments where `keep` (N,) bool is True, renumbered in order."""
        segment_map = self.segment_map
        if segment_map is not None:
            number = torch.where(keep, keep.cumsum(0) - 1, NO_SEGMENT)
            number = torch.cat([number, number.new_tensor([NO_SEGMENT])]).to(segment_map.dtype)
            segment_map = number[segment_map.long()]
        return replace(
            self,
            labels=self.labels[keep],
            segment_map=segment_map,
            overlapping_masks=None if self.overlapping_masks is None else self.overlapping_masks[keep],
            is_crowd=None if self.is_crowd is None else self.is_crowd[keep],
            areas=None if self.areas is None else self.areas[keep],
        )

    def pixel_counts(self) -> Tensor:
        """(N,) int64: the number of pixels of each segment."""
        if self.segment_map is None:
            return self.masks.flatten(1).sum(1)
        return torch.bincount(self.segment_map.flatten().long() + 1, minlength=len(self) + 1)[1:]

    def for_training(self) -> Target:
        """Without crowds (their pixels become void) and without segments that have lost all their pixels."""
        target = self
        if target.is_crowd is not None and bool(target.is_crowd.any()):
            crowd = target.masks[target.is_crowd].any(0)
            covered = target.masks[~target.is_crowd].any(0)
            known = torch.ones_like(crowd) if target.valid is None else target.valid
            target = replace(target.select(~target.is_crowd), valid=known & (~crowd | covered))
        few = target.each_map(lambda values: values[..., ::4, ::4])
        if bool((few.pixel_counts() > 0).all()):  # as nearly always: none is lost, and no need to look at all pixels
            return target
        present = target.pixel_counts() > 0
        return target if bool(present.all()) else target.select(present)

    def padded(self, size: Size) -> Target:
        """Grown at the bottom and right to `size`; the new pixels belong to no segment and are not valid."""
        height, width = self.size
        if (height, width) == size:
            return self
        grow = (0, size[1] - width, 0, size[0] - height)
        known = torch.ones(self.size, dtype=torch.bool, device=self.labels.device) if self.valid is None else self.valid
        return replace(
            self,
            segment_map=None if self.segment_map is None else pad(self.segment_map, grow, value=NO_SEGMENT),
            overlapping_masks=None if self.overlapping_masks is None else pad(self.overlapping_masks, grow),
            valid=pad(known, grow),
        )

    def resized(self, size: Size) -> Target:
        """At `size` by the nearest pixel (the top left one of those it stands for); areas are kept."""

        def resize(values: Tensor) -> Tensor:
            rows = torch.arange(size[0], device=values.device) * values.shape[-2] // size[0]
            columns = torch.arange(size[1], device=values.device) * values.shape[-1] // size[1]
            return values[..., rows[:, None], columns]

        return self.each_map(resize)

    def each_map(self, change: Callable[[Tensor], Tensor]) -> Target:
        """The target with `change` done to all its maps (…,H,W)."""
        maps = {"segment_map": self.segment_map, "overlapping_masks": self.overlapping_masks, "valid": self.valid}
        return replace(self, **{name: change(values) for name, values in maps.items() if values is not None})

    def to(self, device: torch.device | str) -> Target:
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Target:
        """In page-locked memory, from which `to` copies to a GPU without waiting."""
        return self._each(lambda tensor: tensor.pin_memory())

    def _each(self, change: Callable[[Tensor], Tensor]) -> Target:
        """The target with `change` done to all its tensors."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: change(tensor) for name, tensor in tensors.items() if tensor is not None})


@dataclass
class Sample:
    """One image of a data set with its truth, before batching."""

    image: Tensor
    """(3,H,W) uint8 RGB."""
    target: Target | None
    file: str
    """The image's path, for messages and the names of results."""
    image_id: int | str

    @property
    def size(self) -> Size:
        return int(self.image.shape[-2]), int(self.image.shape[-1])


@dataclass(frozen=True)
class ImageSizes:
    """The three sizes a postprocessor needs of one image of a batch."""

    padded: Size
    """Of the batch the model saw."""
    unpadded: Size
    """Of the image within it, at the top left."""
    output: Size
    """The size the result is wanted in."""


@dataclass
class Batch:
    """Images padded at the bottom and right to one size, with what belongs to each."""

    images: Tensor
    """(B,3,H,W) uint8 RGB."""
    sizes: list[ImageSizes]
    targets: list[Target]
    """Training: padded like the images. Evaluation: the truth as the data set gave it, at `sizes[i].output`."""
    files: list[str]
    image_ids: list[int | str]

    def pin_memory(self) -> Batch:
        """In page-locked memory; DataLoader calls this where it is asked to pin."""
        return replace(self, images=self.images.pin_memory(), targets=[target.pin_memory() for target in self.targets])


class MaskProduct(NamedTuple):
    """The two factors of the mask logits of a batch."""

    embeddings: Tensor
    """(B,Q,E)."""
    features: Tensor
    """(B,E,h,w)."""


@dataclass
class Prediction:
    """What a mask classification model says of a batch.

    Masks are the product of embeddings and features, made only when asked for; a decoder whose masks are no such
    product gives `dense_mask_logits` in their place.
    """

    class_logits: Tensor
    """(B,Q,K+1), last index = no object."""
    mask_embeddings: Tensor | None = None
    """(B,Q,E)."""
    mask_features: Tensor | None = None
    """(B,E,h,w)."""
    dense_mask_logits: Tensor | None = None
    """(B,Q,h,w), where masks are not a product."""
    auxiliary: list[Prediction] = field(default_factory=list)
    """The earlier decoder layers' predictions, earliest first."""

    @property
    def num_queries(self) -> int:
        return int(self.class_logits.shape[1])

    @property
    def layers(self) -> list[Prediction]:
        """All decoder layers' predictions, earliest first, this one last."""
        return [*self.auxiliary, self]

    @property
    def mask_logits(self) -> Tensor:
        """Returns all masks of all queries, (B,Q,h,w)."""
        source = self.mask_source
        if isinstance(source, Tensor):
            return source
        return torch.einsum("bqe,behw->bqhw", source.embeddings, source.features)

    def mask_logits_of(self, image: int, queries: Tensor) -> Tensor:
        """Computes only the masks (M,h,w) of `queries` (M,) int64 of one image of the batch."""
        source = self.mask_source
        if isinstance(source, Tensor):
            return source[image, queries]
        return torch.einsum("me,ehw->mhw", source.embeddings[image, queries], source.features[image])

    @property
    def mask_source(self) -> Tensor | MaskProduct:
        """Returns the dense mask logits (B,Q,h,w), or the two factors whose product they are."""
        if self.dense_mask_logits is not None:
            return self.dense_mask_logits
        assert self.mask_embeddings is not None and self.mask_features is not None, (  # noqa: PT018
            "a Prediction needs mask_embeddings and mask_features, or dense_mask_logits"
        )
        return MaskProduct(self.mask_embeddings, self.mask_features)

    @property
    def mask_size(self) -> Size:
        """Returns the size (h,w) of the masks."""
        source = self.mask_source
        maps = source if isinstance(source, Tensor) else source.features
        return int(maps.shape[-2]), int(maps.shape[-1])


@dataclass
class PixelPrediction:
    """What a per-pixel classification model says of a batch."""

    pixel_logits: Tensor
    """(B,K,h,w)."""
    auxiliary: list[PixelPrediction] = field(default_factory=list)

    @property
    def layers(self) -> list[PixelPrediction]:
        return [*self.auxiliary, self]


@dataclass
class SemanticResult:
    """One class per pixel."""

    label_map: Tensor
    """(H,W) int64, class index 0..K-1."""


@dataclass
class InstanceResult:
    """Scored things, which may overlap."""

    labels: Tensor
    """(N,) int64."""
    scores: Tensor
    """(N,) in [0, 1], falling."""
    masks: Tensor
    """(N,H,W) bool."""


@dataclass(frozen=True)
class PanopticSegment:
    id: int
    """Its value in the segment map, from 1."""
    label: int
    is_thing: bool
    score: float
    """In [0, 1]."""


@dataclass
class PanopticResult:
    """Every pixel in at most one segment."""

    segment_map: Tensor
    """(H,W) int32: a segment's id, 0 = none."""
    segments: list[PanopticSegment]


Result = SemanticResult | InstanceResult | PanopticResult


@dataclass
class Metrics:
    """What an evaluator computed. Rates are in [0, 1]; nan where nothing was there to be measured."""

    values: dict[str, float]
    """The headline figures by name, such as `mean_iou` or `pq_things`."""
    per_class: dict[str, dict[str, float]]
    """Column name -> class name -> figure, for the per-class table; every column has every class."""
