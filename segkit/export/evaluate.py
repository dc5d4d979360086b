"""The metrics of an exported file on validation data."""

from contextlib import suppress
from pathlib import Path

from segkit.checkpoint import classes_differ
from segkit.classes import Classes
from segkit.config import Config
from segkit.errors import ConfigError, RegistryError
from segkit.evaluation.evaluate import evaluate_on
from segkit.evaluation.validation import Validation
from segkit.export.exported import ExportedModel, ExportedResults
from segkit.export.formats import open_exported
from segkit.registries import EVALUATORS, Postprocessor
from segkit.results.files import ResultFormat
from segkit.runtime.processes import join_processes
from segkit.types import Metrics


def evaluate_exported(
    path: str | Path,
    config: Config,
    *,
    output: str | Path,
    overlays: int = 0,
    save_predictions: bool | ResultFormat = False,
) -> dict[str, Metrics]:
    """Evaluates an exported file on the `data.val` of a config, on the CPU.

    Args:
        path: The file.
        config: Tells data and evaluators. Only those evaluators run that take results of the file's task.
        output: As for `segkit.evaluate`, like the rest.
        overlays: How many images to draw.
        save_predictions: Whether the results are written, and in which format.

    Returns:
        The metrics by evaluator.

    Raises:
        ExportError: The file cannot be opened.
        ConfigError: The config has no data for it, no evaluator takes the results, or its classes are in another order.
        DataError: An image cannot be read, or the file does not take its size.
        WriteError: The output cannot be written.
    """
    process = join_processes("cpu")
    file = open_exported(path)
    validation = open_validation(
        config, file.info.task, file.info.classes, ExportedResults(file), process.rank, process.num_processes
    )
    return evaluate_on(validation, ExportedModel(file), process, Path(output), overlays, save_predictions)


def open_validation(
    config: Config, task: str, classes: Classes, results: Postprocessor, rank: int = 0, num_processes: int = 1
) -> Validation:
    """Opens the validation data of a config for the results of a file.

    Args:
        config: Tells data and evaluators.
        task: Of the file.
        classes: Of the file.
        results: Gives the results: the file, or the postprocessor that it is exported with.
        rank: The number of this process.
        num_processes: The processes that share the images.

    Raises:
        ConfigError: The config has no data for it, no evaluator takes the results, or its classes are in another order.
    """
    # The file pads by itself.
    validation = Validation(config, classes, 1, rank, num_processes, {task: results})
    difference = classes_differ(validation.classes, classes)
    if difference:
        raise ConfigError(f"{config.path}: data.val: the dataset has other classes than the file ({difference}).")
    if not validation.evaluators():
        raise ConfigError(
            f"{config.path}: evaluators: none takes the results of the task '{task}' of the file. Add one of "
            f"{', '.join(_evaluators_of(results.result_type))}, or export another task."
        )
    return validation


def _evaluators_of(result_type: type) -> list[str]:
    """Returns the names of the installed evaluators that take a type of results."""
    names = []
    for candidate in EVALUATORS.candidates():
        with suppress(RegistryError):  # a broken plugin is told where it is asked for
            part = EVALUATORS.get(candidate.qualified)
            if getattr(part, "result_type", None) is result_type:
                names.append(candidate.name)
    return names
