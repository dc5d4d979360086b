"""What postprocessors make of a prediction: the result of one image, with what people do with it in Python."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.classes import Classes
from segkit.errors import SegkitError, join_first
from segkit.types.sizes import Size

if TYPE_CHECKING:
    from PIL import Image

SHOWN = 5
"""Classes that the text of a result names."""


class Draw(Protocol):
    """Draws a result over its image: `segkit.results.overlay.overlay`."""

    def __call__(self, image: Tensor, result: Result, classes: Classes, *, legend: bool) -> Image.Image: ...


@dataclass(frozen=True)
class ResultSource:
    """What a result was predicted from, and what draws it there. Results of `segkit.Predictor` have one."""

    image: Tensor
    """(C,H,W): uint8 RGB, or of the pixel format of the model."""
    classes: Classes
    """Those that the class indices of the result mean."""
    draw: Draw


@dataclass(repr=False)
class BaseResult(ABC):
    """What the three kinds of result have in common. Notebooks show a result of `segkit.Predictor` as a drawing."""

    source: ResultSource | None = field(default=None, kw_only=True, compare=False)

    @property
    @abstractmethod
    def size(self) -> Size:
        """(H, W) of the image."""

    @abstractmethod
    def numpy(self) -> dict[str, NDArray[np.generic]]:
        """Returns the result as arrays on the CPU, by name."""

    @abstractmethod
    def _contents(self) -> str:
        """Says in a few words what was found."""

    def plot(self, *, legend: bool = True) -> Image.Image:
        """Draws the result over its image.

        Args:
            legend: Whether names and a legend are drawn. Without them, the drawing is exactly as large as the image.

        Raises:
            SegkitError: The result does not come from a `segkit.Predictor`, so it does not know its image.
        """
        if self.source is None:
            raise SegkitError(
                "plot: only results of segkit.Predictor know their image and the names of their classes. Draw this one "
                "with segkit.results.overlay.overlay(image, result, classes)."
            )
        # Every kind of result is one of `Result`; this base is not.
        assert isinstance(self, SemanticResult | InstanceResult | PanopticResult)
        return self.source.draw(self.source.image, self, self.source.classes, legend=legend)

    def _repr_png_(self) -> bytes | None:
        """Returns the drawing for notebooks, which show the text instead where there is none."""
        if self.source is None:
            return None
        file = io.BytesIO()
        self.plot().save(file, "PNG")
        return file.getvalue()

    def __repr__(self) -> str:
        height, width = self.size
        return f"{type(self).__name__}({height} x {width}: {self._contents()})"

    def _name(self, label: int) -> str | None:
        """Returns the name of a class; None for void, and where the names are not known."""
        if self.source is None or label >= len(self.source.classes):
            return None
        return self.source.classes.names[label]

    def _count(self, labels: Iterable[int], what: str) -> str:
        """Returns how many there are of what, in total and of each class."""
        counts = Counter(labels)
        total = sum(counts.values())
        names = [f"{count} {name}" for label, count in counts.most_common() if (name := self._name(label)) is not None]
        return f"{total} {what if total == 1 else what + 's'}" + (f": {join_first(names, SHOWN)}" if names else "")


@dataclass(repr=False)
class SemanticResult(BaseResult):
    """One class per pixel.

    Example:
        >>> result = SemanticResult(torch.tensor([[0, 0, 2], [0, 2, 2]]))
        >>> result
        SemanticResult(2 x 3: 2 classes)
        >>> result.numpy()["label_map"].tolist()
        [[0, 0, 2], [0, 2, 2]]
    """

    label_map: Tensor
    """(H, W) int64, class index 0..K-1. That of a large file read in windows has a smaller type, such as uint8."""

    @property
    def size(self) -> Size:
        return _size_of(self.label_map)

    def numpy(self) -> dict[str, NDArray[np.generic]]:
        """Returns `label_map` (H, W) on the CPU."""
        return {"label_map": self.label_map.cpu().numpy()}

    def _contents(self) -> str:
        fractions = (self.label_map.flatten().bincount() / self.label_map.numel()).tolist()
        present = sorted(((fraction, label) for label, fraction in enumerate(fractions) if fraction > 0), reverse=True)
        names = [f"{name} {fraction:.0%}" for fraction, label in present if (name := self._name(label)) is not None]
        return join_first(names, SHOWN) or f"{len(present)} {'class' if len(present) == 1 else 'classes'}"


@dataclass(repr=False)
class InstanceResult(BaseResult):
    """Instances of things with scores. Their masks may overlap.

    Example:
        >>> masks = torch.tensor([[[False, True, True], [False, True, False]]])
        >>> result = InstanceResult(torch.tensor([0]), torch.tensor([0.5]), masks)
        >>> result
        InstanceResult(2 x 3: 1 instance)
        >>> result.boxes
        tensor([[1, 0, 3, 2]])
        >>> sorted(result.numpy())
        ['labels', 'masks', 'scores']
    """

    labels: Tensor
    """(N,) int64, class index 0..K-1."""
    scores: Tensor
    """(N,) in [0, 1], in descending order."""
    masks: Tensor
    """(N, H, W) bool."""

    @property
    def size(self) -> Size:
        return _size_of(self.masks)

    def mask(self, number: int) -> Tensor:
        """Returns the mask (H, W) bool of one instance."""
        return self.masks[number]

    @property
    def boxes(self) -> Tensor:
        """(N, 4) int64: left, top, right and bottom of each instance in pixels; right and bottom are exclusive."""
        return _boxes(self.masks.any(2), self.masks.any(1))

    def numpy(self) -> dict[str, NDArray[np.generic]]:
        """Returns `labels` (N,) int64, `scores` (N,) float32 and `masks` (N, H, W) bool on the CPU."""
        return {name: getattr(self, name).cpu().numpy() for name in ("labels", "scores", "masks")}

    def _contents(self) -> str:
        return self._count(self.labels.tolist(), "instance")


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


@dataclass(repr=False)
class PanopticResult(BaseResult):
    """Segments that do not overlap. A pixel belongs to one segment or to none.

    Example:
        >>> segment_map = torch.tensor([[1, 1, 0], [1, 2, 2]], dtype=torch.int32)
        >>> segments = [PanopticSegment(1, 4, False, 0.5), PanopticSegment(2, 7, True, 0.25)]
        >>> result = PanopticResult(segment_map, segments)
        >>> result
        PanopticResult(2 x 3: 2 segments)
        >>> result.boxes
        tensor([[0, 0, 2, 2],
                [1, 1, 3, 2]])
        >>> result.numpy()["labels"].tolist()
        [4, 7]
    """

    segment_map: Tensor
    """(H, W) int32: the segment id of each pixel, 0 = none."""
    segments: list[PanopticSegment]

    @property
    def size(self) -> Size:
        return _size_of(self.segment_map)

    @property
    def boxes(self) -> Tensor:
        """(N, 4) int64: left, top, right and bottom of each segment in pixels; right and bottom are exclusive."""
        height, width = self.size
        rows, columns = torch.zeros(len(self.segments), height), torch.zeros(len(self.segments), width)
        # One mask at a time: all of them would take much memory.
        for number, segment in enumerate(self.segments):
            mask = self.segment_map == segment.id
            rows[number], columns[number] = mask.any(1), mask.any(0)
        return _boxes(rows.bool(), columns.bool())

    def numpy(self) -> dict[str, NDArray[np.generic]]:
        """Returns arrays on the CPU: the map, and one value for each segment.

        `segment_map` (H, W) int32; `ids` and `labels` (N,) int64, `is_thing` (N,) bool and `scores` (N,) float32, in
        the order of `segments`.
        """
        return {
            "segment_map": self.segment_map.cpu().numpy(),
            "ids": np.array([segment.id for segment in self.segments], dtype=np.int64),
            "labels": np.array([segment.label for segment in self.segments], dtype=np.int64),
            "is_thing": np.array([segment.is_thing for segment in self.segments], dtype=np.bool_),
            "scores": np.array([segment.score for segment in self.segments], dtype=np.float32),
        }

    def _contents(self) -> str:
        return self._count([segment.label for segment in self.segments], "segment")


Result: TypeAlias = SemanticResult | InstanceResult | PanopticResult


def _size_of(maps: Tensor) -> Size:
    """Returns (H, W) of (..., H, W)."""
    return int(maps.shape[-2]), int(maps.shape[-1])


def _boxes(rows: Tensor, columns: Tensor) -> Tensor:
    """Returns (N, 4) int64: left, top, right, bottom of what occupies `rows` (N,H) bool and `columns` (N,W) bool.

    Zeros stand for what is empty.
    """
    (top, bottom), (left, right) = _extent(rows), _extent(columns)
    return torch.stack([left, top, right, bottom], 1)


def _extent(occupied: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the first place (N,) that is occupied in (N,L) bool, and the one after the last."""
    first = occupied.int().argmax(1)
    after = occupied.shape[1] - occupied.flip(1).int().argmax(1)
    return first, torch.where(occupied.any(1), after, 0)
