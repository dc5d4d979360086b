"""The shape glossary and the values that travel between parts.

Shapes: B batch · Q queries · K classes without no-object · C hidden_dim · E mask_dim · N segments of one image ·
M matched or chosen segments · H, W image · h, w mask map (usually H/4 x W/4) · P pixels or sampled points.

segment: one region of a target · mask: its pixels · void: pixels of unknown class · crowd: objects marked as one region
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple

import torch
from torch import Tensor

NO_SEGMENT = -1
"""Value of a segment map where a pixel belongs to no segment."""

Size = tuple[int, int]
"""(height, width) in pixels."""

Match = tuple[Tensor, Tensor]
"""(query_index (M,), target_index (M,)) int64: the queries matched to segments of one image."""


@dataclass(frozen=True)
class Feature:
    """Size of one feature map, published by the part that makes it for the part that reads it."""

    channels: int
    stride: int
    """Pixels of the image per pixel of the map."""


@dataclass
class Target:
    """The annotated segments of one image: their classes and their pixels.

    Exactly one of `segment_map` and `overlapping_masks` is given. A map takes a fraction of the memory of N masks, but
    cannot hold segments that overlap. `masks` makes (N, H, W) of either. N may be 0.

    Example:
        >>> target = Target(torch.tensor([5, 7]), segment_map=torch.tensor([[0, 0, 1], [-1, 0, 1]]))
        >>> len(target), target.size
        (2, (2, 3))
        >>> target.masks[1].int().tolist()
        [[0, 0, 1], [0, 0, 1]]
    """

    labels: Tensor
    """(N,) int64, class index 0..K-1."""
    segment_map: Tensor | None = None
    """(H, W) int16 or int32: index 0..N-1 of the segment of each pixel, or NO_SEGMENT."""
    overlapping_masks: Tensor | None = None
    """(N, H, W) bool, for segments that may overlap."""
    valid: Tensor | None = None
    """(H, W) bool: False where the class is unknown (void) and in padding. None: valid everywhere."""
    is_crowd: Tensor | None = None
    """(N,) bool: crowds count neither as true positives nor as false negatives. None: no crowds."""
    areas: Tensor | None = None
    """(N,) float: areas in pixels as the annotation gives them, for COCO's size ranges. None: not given."""

    def __post_init__(self) -> None:
        assert (self.segment_map is None) != (self.overlapping_masks is None), "one of segment_map, overlapping_masks"

    def __len__(self) -> int:
        return int(self.labels.shape[0])

    @property
    def size(self) -> Size:
        """(H, W) of the masks."""
        pixels = self.segment_map if self.segment_map is not None else self.overlapping_masks
        # For the type checker: __post_init__ has made sure.
        assert pixels is not None
        return int(pixels.shape[-2]), int(pixels.shape[-1])

    @property
    def masks(self) -> Tensor:
        """(N, H, W) bool: the masks of all segments."""
        return self.masks_of(torch.arange(len(self), device=self.labels.device))

    def masks_of(self, segments: Tensor) -> Tensor:
        """Returns the masks (M, H, W) bool of `segments` (M,) int64, without making those of the others."""
        if self.overlapping_masks is not None:
            return self.overlapping_masks[segments]
        assert self.segment_map is not None
        # In the map's own type: otherwise torch would first convert the whole map to int64.
        return self.segment_map == segments.to(self.segment_map.dtype)[:, None, None]

    def to(self, device: torch.device | str) -> Target:
        """Returns the target on `device`. The copy is asynchronous where memory is pinned."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Target:
        """Returns the target in page-locked memory, from which `to` copies to a GPU without waiting."""
        return self._each(lambda tensor: tensor.pin_memory())

    def _each(self, change: Callable[[Tensor], Tensor]) -> Target:
        """Applies `change` to every tensor."""
        # Every field is a tensor or None. `asdict` would copy the tensors.
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: change(tensor) for name, tensor in tensors.items() if tensor is not None})


@dataclass
class Sample:
    """One image of a dataset with its target, before batching."""

    image: Tensor
    """(3, H, W) uint8 RGB."""
    target: Target | None
    """None for images without annotation, and while evaluation transforms the image alone."""
    file: str
    """The image's path, for messages and for the names of result files."""
    image_id: int | str

    @property
    def size(self) -> Size:
        return int(self.image.shape[-2]), int(self.image.shape[-1])


@dataclass(frozen=True)
class ImageSizes:
    """The three sizes a postprocessor needs of one image of a batch."""

    padded: Size
    """Size of the batch that the model sees."""
    unpadded: Size
    """Size of the image within it, at the top left."""
    output: Size
    """Size of the wanted result."""


@dataclass
class Batch:
    """Images padded at the bottom and right to one size, with their targets."""

    images: Tensor
    """(B, 3, H, W) uint8 RGB."""
    sizes: list[ImageSizes]
    targets: list[Target]
    """Training: padded like the images. Evaluation: as the dataset gives them, at `sizes[i].output`."""
    files: list[str]
    image_ids: list[int | str]

    def pin_memory(self) -> Batch:
        """Returns the batch in page-locked memory. DataLoader calls this where `pin_memory` is on."""
        return replace(self, images=self.images.pin_memory(), targets=[target.pin_memory() for target in self.targets])


class MaskProduct(NamedTuple):
    """The two factors of mask logits: embeddings (B, Q, E) and features (B, E, h, w)."""

    embeddings: Tensor
    features: Tensor


@dataclass
class Prediction:
    """Output of a mask classification model for a batch.

    Masks are the product of `mask_embeddings` and `mask_features`, computed only on request: all masks of all decoder
    layers would take much memory. A decoder that computes masks in another way sets `dense_mask_logits` instead.

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
    mask_features: Tensor | None = None
    """(B, E, h, w)."""
    dense_mask_logits: Tensor | None = None
    """(B, Q, h, w), where masks are not a product."""
    auxiliary: list[Prediction] = field(default_factory=list)
    """Predictions of the earlier decoder layers, earliest first."""

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
        return MaskProduct(self.mask_embeddings, self.mask_features)

    @property
    def mask_size(self) -> Size:
        """(h, w) of the masks."""
        source = self.mask_source
        maps = source if isinstance(source, Tensor) else source.features
        return int(maps.shape[-2]), int(maps.shape[-1])

    @property
    def mask_logits(self) -> Tensor:
        """(B, Q, h, w): the masks of all queries."""
        source = self.mask_source
        if isinstance(source, Tensor):
            return source
        return torch.einsum("bqe,behw->bqhw", source.embeddings, source.features)

    def mask_logits_of(self, image: int, queries: Tensor) -> Tensor:
        """Computes only the masks (M, h, w) of `queries` (M,) int64 of one image."""
        source = self.mask_source
        if isinstance(source, Tensor):
            return source[image, queries]  # (M, h, w)
        return torch.einsum("me,ehw->mhw", source.embeddings[image, queries], source.features[image])


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


@dataclass
class SemanticResult:
    """One class per pixel."""

    label_map: Tensor
    """(H, W) int64, class index 0..K-1."""


@dataclass
class InstanceResult:
    """Instances of things with scores. Their masks may overlap."""

    labels: Tensor
    """(N,) int64, class index 0..K-1."""
    scores: Tensor
    """(N,) in [0, 1], in descending order."""
    masks: Tensor
    """(N, H, W) bool."""


@dataclass(frozen=True)
class PanopticSegment:
    """Class and score of one segment of a panoptic result."""

    id: int
    """Value of its pixels in the segment map, from 1."""
    label: int
    """Class index 0..K-1."""
    is_thing: bool
    score: float
    """In [0, 1]."""


@dataclass
class PanopticResult:
    """Segments that do not overlap. A pixel belongs to one segment or to none."""

    segment_map: Tensor
    """(H, W) int32: the segment id of each pixel, 0 = none."""
    segments: list[PanopticSegment]


Result = SemanticResult | InstanceResult | PanopticResult


@dataclass
class Metrics:
    """Metrics computed by an evaluator: rates in [0, 1] that are better when higher, unless named below."""

    values: dict[str, float]
    """Summary metrics by name, such as `mean_iou` or `pq_things`; nan where nothing could be measured."""
    per_class: dict[str, dict[str, float]]
    """Metric name -> class name -> value. Every metric has every class."""
    unbounded: frozenset[str] = frozenset()
    """The metrics, of `values` and `per_class`, that are no rates in [0, 1]: counts, distances in pixels."""
    lower_is_better: frozenset[str] = frozenset()
    """The metrics, of `values` and `per_class`, that are better when lower: errors of all kinds."""
    confusion_matrix: dict[str, dict[str, int]] | None = None
    """Class of the target -> predicted class -> pixels, of all classes, where the evaluator counts them."""
