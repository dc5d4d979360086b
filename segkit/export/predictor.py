"""From an image to its result: an exported file ready for use, without the code of the model."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from segkit.build import build_transforms
from segkit.config.arguments import check_arguments
from segkit.errors import ConfigError, ExportError, SegkitError
from segkit.export.exported import ExportedModel, ExportedResults
from segkit.export.formats import open_exported
from segkit.inference.outcomes import Prepared
from segkit.inference.predictor import Predictor
from segkit.registries import Postprocessor, Transform
from segkit.registries.signature import Fraction, Positive
from segkit.types import RGB, SemanticResult

RESIZING = ("resize", "resize_shortest_edge", "pad")
"""The transforms that a file may name: they only change the size of an image."""


class ExportedPredictor(Predictor):
    """Segments images with a file that `segkit export` wrote; it is used like a `Predictor`.

    The file decides on task, precision and sizes. It runs on the CPU, on as many threads as torch uses.

    Args:
        file: An ONNX file or a program of torch.export.
        score_threshold: Instance task only: the smallest score. By default that of the file, or 0.5 where the config
            of the checkpoint set none.
        max_pixels: Image files with more pixels are refused.

    Raises:
        ExportError: The file is damaged, or a package is missing.
        ConfigError: The score threshold does not suit the file.

    Example:
        >>> ExportedPredictor("no_such_file.onnx")
        Traceback (most recent call last):
        segkit.errors.ExportError: no_such_file.onnx: there is no such file.
    """

    def __init__(
        self, file: str | Path, *, score_threshold: float | None = None, max_pixels: int | None = None
    ) -> None:
        check_arguments(score_threshold=(score_threshold, Fraction | None), max_pixels=(max_pixels, Positive | None))
        self.file = open_exported(file)
        self.path = Path(file)
        info = self.file.info
        self.device = torch.device("cpu")
        self.precision = "fp32"  # the file converts by itself
        self.max_pixels = max_pixels
        self.classes = info.classes
        self.task = info.task
        self._settings = {} if score_threshold is None else {"score_threshold": score_threshold}
        self.postprocessor = self._postprocessor({})
        self._is_semantic = self.postprocessor.result_type is SemanticResult
        self._windows = None
        self.model = ExportedModel(self.file)
        self.pixel_format = RGB  # segkit exports no other models
        self._transforms = _transforms(info.transforms, self.path)

    def _postprocessor(self, settings: dict[str, float]) -> Postprocessor:
        info, settings = self.file.info, self._settings | settings
        wanted = settings.pop("score_threshold", None)
        if settings or (wanted is not None and self.task != "instance"):
            raise ConfigError(
                f"{self.path}: thresholds of the task '{self.task}' were fixed when the file was exported. Leave them "
                "out, or set them in the config and export the checkpoint again."
            )
        if wanted is not None and info.score_threshold is not None and wanted < info.score_threshold:
            raise ConfigError(
                f"{self.path}: score_threshold: the file leaves out instances below {info.score_threshold}, so "
                f"{wanted} has no effect. Export the checkpoint with a lower one."
            )
        return ExportedResults(self.file, info.shown_score if wanted is None else wanted)

    def prepare(self, image: Tensor, file: str = "image") -> Prepared:
        """Returns an image (3,H,W) uint8 RGB as the file takes it; `file` names it in results and errors.

        Raises:
            DataError: The file does not take images of this size.
        """
        prepared = super().prepare(image, file)
        self.file.info.sizes.require(prepared.sizes.unpadded, file)
        return prepared


def _transforms(parts: Sequence[dict[str, object]], path: Path) -> list[Transform]:
    """Builds the transforms that a file names. Somebody else may have written it: no other part is loaded."""
    try:
        if any(part["type"] not in RESIZING for part in parts):
            raise ValueError(f"its transforms are not all of {', '.join(RESIZING)}")
        return build_transforms([dict(part) for part in parts])
    except (SegkitError, ValueError, TypeError, KeyError) as error:
        raise ExportError(f"{path}: its metadata cannot be read ({error}). Export the checkpoint again.") from error
