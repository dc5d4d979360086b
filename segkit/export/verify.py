"""An exported file beside its checkpoint on validation data: metrics, latency, memory and differences."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import psutil
import torch
from rich.table import Table
from torch import Tensor

from segkit.build import build_postprocessor
from segkit.checkpoint import Checkpoint, find_checkpoint, read_classes, read_config
from segkit.config import Config
from segkit.data.padding import padded_size, stack_padded
from segkit.errors import counted
from segkit.evaluation.tables import comparable, in_digits, summary
from segkit.export.agreement import agreement
from segkit.export.evaluate import open_validation
from segkit.export.exported import ExportedModel, ExportedResults
from segkit.export.exporting import exported_postprocessor
from segkit.export.formats import open_exported
from segkit.export.parity import relative_difference
from segkit.export.program import prediction_logits
from segkit.registries import Evaluator
from segkit.runtime.memory import peak_memory
from segkit.types import Batch, ImageSizes, Metrics, Result

Predicted = tuple[Result, dict[str, Tensor]]
"""The result of an image, and the logits by name."""


@dataclass
class Side:
    """One of the two that are compared."""

    predict: Callable[[Tensor, ImageSizes], Predicted]
    evaluators: Mapping[str, Evaluator]
    seconds: list[float] = field(default_factory=list)
    memory: int = 0
    """The most bytes that an image took beside the loaded model."""

    def run(self, image: Tensor, sizes: ImageSizes) -> Predicted:
        """Predicts an image, and measures it."""
        with peak_memory(torch.device("cpu")) as peak:  # gives freed memory back first
            before = psutil.Process().memory_info().rss
            start = time.perf_counter()
            predicted = self.predict(image, sizes)
            self.seconds.append(time.perf_counter() - start)
        self.memory = max(self.memory, peak.bytes - before)
        return predicted

    def metrics(self) -> dict[str, Metrics]:
        """Returns the metrics by evaluator."""
        return {name: evaluator.compute() for name, evaluator in self.evaluators.items()}


@dataclass
class Verification:
    """What the comparison found."""

    model: Side
    file: Side
    difference: float = 0.0
    """The largest difference of a logit, as a fraction of the largest logit of its output."""
    agreements: list[float] = field(default_factory=list)
    """Of each image, the fraction of pixels with equal results."""

    def loss(self) -> float:
        """Returns what the file loses in the first metric of an evaluator, the largest of these losses; nan if one is.

        Metrics that are nan for both lose nothing: no target counted.
        """
        losses = []
        for name, of_model in self.model.metrics().items():
            pair = (comparable({name: metrics}) for metrics in (of_model, self.file.metrics()[name]))
            better, worse = (next(iter(values.values())) for values in pair)
            losses.append(0.0 if better == worse else better - worse)
        return max(losses, key=lambda value: math.inf if math.isnan(value) else value)

    def table(self) -> Table:
        """Makes the table: a row for each metric, latency and memory."""
        table = Table("", title=f"{counted(self.agreements, 'image')}")
        for column in ("checkpoint", "file", "difference"):
            table.add_column(column, justify="right")
        ours, theirs = summary(self.model.metrics()), summary(self.file.metrics())
        for name, value in ours.items():
            difference = in_digits(theirs[name] - value, "+.4f")
            table.add_row(name, in_digits(value), in_digits(theirs[name]), difference)
        median = [sorted(side.seconds)[len(side.seconds) // 2] * 1000 for side in (self.model, self.file)]
        table.add_row("latency (ms, median)", *(f"{value:.1f}" for value in median), f"{median[1] - median[0]:+.1f}")
        memory = [side.memory / 2**20 for side in (self.model, self.file)]
        table.add_row("memory of an image (MiB)", *(f"{one:.0f}" for one in memory), f"{memory[1] - memory[0]:+.0f}")
        table.add_row("logits, of their scale", "", "", f"{self.difference:.1e}")
        mean = sum(self.agreements) / len(self.agreements)
        table.add_row("equal pixels, mean", "", "", f"{mean:.3%}")
        return table


def require_verifiable(
    checkpoint: str | Path,
    config: Config,
    task: str | None = None,
    *,
    plugins: Sequence[str | PathLike[str]] = (),
    trust: bool = False,
) -> None:
    """Checks that a config can verify the file of a checkpoint, before the minutes of an export.

    Args:
        checkpoint: What `export_checkpoint` takes, as the other arguments.
        config: What `verify` takes.
        task: Of the file.
        plugins: Python files that the checkpoint's config may import.
        trust: Import all Python files that the checkpoint's config names as plugins.

    Raises:
        CheckpointError: The checkpoint has no config or no classes.
        ConfigError: The config has no data for the file, no evaluator takes the results, or its classes are in another
            order.
    """
    folder = find_checkpoint(checkpoint)
    classes = read_classes(folder)
    name, postprocessor = exported_postprocessor(read_config(folder, plugins, trust), classes, task)
    open_validation(config, name, classes, postprocessor)


def verify(path: str | Path, loaded: Checkpoint, config: Config) -> Verification:
    """Evaluates an exported file and its checkpoint on the `data.val` of a config, image by image on the CPU.

    Args:
        path: The file.
        loaded: The checkpoint that it was exported from, on the CPU.
        config: Tells data and evaluators. Only those evaluators run that take results of the file's task.

    Raises:
        ConfigError: The config has no data for it, no evaluator takes the results, or its classes are in another order.
        ExportError: The file cannot be opened.
        DataError: An image cannot be read, or the file does not take its size.
    """
    file = open_exported(path)
    results = ExportedResults(file)
    validation = open_validation(config, file.info.task, file.info.classes, results)
    exported = ExportedModel(file)

    def predict(image: Tensor, sizes: ImageSizes) -> Predicted:
        prediction = exported.forward(image[None], [sizes.unpadded])
        return results(prediction, [sizes])[0], prediction.images[0][0]

    found = Verification(
        Side(_predict_with(loaded, file.info.task), validation.evaluators()), Side(predict, validation.evaluators())
    )
    with torch.inference_mode():
        for batch in validation.loader:
            for index in range(len(batch.files)):
                _compare(found, batch, index)
    return found


def _predict_with(loaded: Checkpoint, task: str) -> Callable[[Tensor, ImageSizes], Predicted]:
    postprocessor = build_postprocessor(loaded.config, loaded.classes, task)

    def predict(image: Tensor, sizes: ImageSizes) -> Predicted:
        padded = padded_size([sizes.unpadded], loaded.model.size_divisor)
        prediction = loaded.model(stack_padded([image], padded), [sizes.unpadded])
        (result,) = postprocessor(prediction, [ImageSizes(padded, sizes.unpadded, sizes.output)])
        return result, prediction_logits(prediction)

    return predict


def _compare(found: Verification, batch: Batch, index: int) -> None:
    """Adds an image of a batch."""
    sizes = batch.sizes[index]
    image = batch.images[index, :, : sizes.unpadded[0], : sizes.unpadded[1]]
    predicted = []
    for side in (found.model, found.file):
        result, logits = side.run(image, sizes)
        predicted.append((result, logits))
        for evaluator in side.evaluators.values():
            evaluator.add(result, batch.targets[index], batch.image_ids[index])
    (ours, expected), (theirs, given) = predicted
    differences = [relative_difference(given[name], logits) for name, logits in expected.items()]
    found.difference = float(torch.tensor([found.difference, *differences]).max())  # nan if one is nan
    found.agreements.append(agreement(theirs, ours))
