"""An exported file in the places of a model and of its postprocessor, for prediction and evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from segkit.export.formats import ExportedFile
from segkit.export.tasks import TASKS
from segkit.models._base import SegmentationModel
from segkit.types import (
    ImageSizes,
    InstanceResult,
    PanopticResult,
    PixelPrediction,
    Prediction,
    Result,
    SemanticResult,
    Size,
)


@dataclass
class ExportedPrediction:
    """The outputs of a file for the images of a batch, each with the outputs of its group and its place there."""

    images: list[tuple[dict[str, Tensor], int]]


class ExportedModel(SegmentationModel):
    """A file in the place of a model. It pads by itself, so padding is cut off.

    Args:
        file: The opened file.
    """

    size_divisor = 1
    limits_memory = True
    """By the sizes that the file takes."""

    def __init__(self, file: ExportedFile) -> None:
        super().__init__()
        self.file = file

    def forward(self, images: Tensor, sizes: Sequence[Size] | None = None) -> ExportedPrediction:
        """(B,3,H,W) uint8 RGB, whose unpadded parts are of `sizes` -> the outputs of the file.

        Raises:
            DataError: The file does not take an image of this size.
        """
        unpadded = [(int(images.shape[-2]), int(images.shape[-1]))] * len(images) if sizes is None else sizes
        found: dict[int, tuple[dict[str, Tensor], int]] = {}
        for size in dict.fromkeys(unpadded):
            self.file.info.sizes.require(size, "image")
            places = [place for place, other in enumerate(unpadded) if other == size]
            outputs = self.file(images[places, :, : size[0], : size[1]])
            found |= {place: (outputs, index) for index, place in enumerate(places)}
        return ExportedPrediction([found[place] for place in range(len(images))])


class ExportedResults:
    """A file in the place of a postprocessor.

    Args:
        file: The opened file.
        score_threshold: Instances with a lower score are left out. None keeps all that the file gives.
    """

    def __init__(self, file: ExportedFile, score_threshold: float | None = None) -> None:
        self._info = file.info
        self._task = TASKS[file.info.task]
        self._score_threshold = score_threshold

    @property
    def result_type(self) -> type:
        """That of the file's task."""
        return self._task.result_type

    def __call__(
        self, prediction: Prediction | PixelPrediction | ExportedPrediction, sizes: list[ImageSizes]
    ) -> list[Result]:
        """Returns one result per image, at `sizes[i].output`.

        The file gives results of the size of its images. Those of images that were resized before are brought to the
        output size by taking the nearest pixels.
        """
        assert isinstance(prediction, ExportedPrediction), "the file gives its own predictions"
        results = []
        for (outputs, index), size in zip(prediction.images, sizes, strict=True):
            result = self._task.read(outputs, index, self._info.classes)
            if isinstance(result, InstanceResult) and self._score_threshold is not None:
                kept = result.scores >= self._score_threshold
                result = InstanceResult(result.labels[kept], result.scores[kept], result.masks[kept])
            results.append(resized(result, size.output))
        return results


def resized(result: Result, size: Size) -> Result:
    """Returns a result at another size, each pixel that of the nearest one before.

    Example:
        >>> resized(SemanticResult(torch.tensor([[0, 1]])), (2, 4)).label_map.tolist()
        [[0, 0, 1, 1], [0, 0, 1, 1]]
    """
    if result.size == size:
        return result
    rows, columns = (
        ((torch.arange(wanted) + 0.5) * (given / wanted)).long()
        for given, wanted in zip(result.size, size, strict=True)
    )
    if isinstance(result, SemanticResult):
        return SemanticResult(result.label_map[rows[:, None], columns])
    if isinstance(result, PanopticResult):
        return PanopticResult(result.segment_map[rows[:, None], columns], result.segments)
    return InstanceResult(result.labels, result.scores, result.masks[:, rows[:, None], columns])
