"""`data.val` of a config, built once and evaluated as often as wanted."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from segkit.build import build_dataset, build_evaluators, build_postprocessors, build_transforms
from segkit.checkpoint import classes_differ
from segkit.classes import Classes
from segkit.config import Config
from segkit.data.loading import evaluation_loader
from segkit.errors import ConfigError
from segkit.evaluation.loop import OnResult, check_evaluators, evaluate, headline
from segkit.results.files import OutputNames
from segkit.results.visualization import batch_image, comparison
from segkit.runtime.precision import Precision
from segkit.types import Batch, Metrics, Result


class Validation:
    """The data set, its loader, and what makes and judges results.

    Raises ConfigError where the config has no `data.val`, no evaluators, an evaluator takes what nothing makes, or
    the data set's classes are not those of the model.
    """

    def __init__(
        self, config: Config, classes: Classes, size_divisor: int, rank: int = 0, num_processes: int = 1
    ) -> None:
        split = config.experiment.data and config.experiment.data.val
        if not split:
            raise ConfigError(f"{config.path}: data.val: an evaluation needs a data set, and the config names none.")
        if not config.experiment.evaluators:
            raise ConfigError(
                f"{config.path}: evaluators: an evaluation needs at least one, such as {{type: mean_iou}}."
            )
        self.config = config
        self.classes = classes
        self.dataset = build_dataset(split)
        difference = classes_differ(self.dataset.classes, classes)
        if difference:
            raise ConfigError(
                f"{config.path}: data.val: the data set has another class list than the model ({difference}). Name a "
                "data set of the model's classes."
            )
        self.postprocessors = build_postprocessors(config, classes)
        check_evaluators(self.postprocessors, build_evaluators(config, classes))
        self.loader = evaluation_loader(
            self.dataset,
            build_transforms(split.transforms),
            batch_size=split.batch_size,
            workers=split.workers,
            size_divisor=size_divisor,
            rank=rank,
            num_processes=num_processes,
        )

    def figures(self) -> list[str]:
        """The names of the headline figures that a run will give."""
        evaluators = build_evaluators(self.config, self.classes)
        return list(headline({name: evaluator.compute() for name, evaluator in evaluators.items()}))

    def run(
        self,
        model: nn.Module,
        device: torch.device | str,
        precision: Precision = "fp32",
        progress: Callable[[int], None] | None = None,
        on_result: OnResult | None = None,
    ) -> dict[str, Metrics]:
        """The metrics of `model` by evaluator."""
        evaluators = build_evaluators(self.config, self.classes)
        return evaluate(
            model,
            self.loader,
            self.postprocessors,
            evaluators,
            device=device,
            precision=precision,
            progress=progress,
            on_result=on_result,
        )


class OverlayWriter:
    """An `on_result` hook that draws the first images it sees: image, prediction and truth side by side."""

    def __init__(self, folder: Path, classes: Classes, count: int) -> None:
        self.folder = folder
        self.classes = classes
        self.count = count
        self.names = OutputNames()
        self._drawn: set[str] = set()

    def __call__(self, batch: Batch, index: int, result: Result) -> None:
        file = batch.files[index]
        if file not in self._drawn and len(self._drawn) == self.count:
            return
        self._drawn.add(file)
        self.folder.mkdir(parents=True, exist_ok=True)
        kind = type(result).__name__.removesuffix("Result").lower()
        drawn = comparison(batch_image(batch, index), result, batch.targets[index], self.classes)
        drawn.save(self.folder / f"{self.names.of(file)}_{kind}.png")
