"""`segkit.evaluate`, and the command `segkit test`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import torch

from segkit.checkpoint import find_checkpoint, load_checkpoint, read_config
from segkit.classes import Classes
from segkit.config import Config, as_config
from segkit.config.arguments import check_arguments
from segkit.data.findings import nothing_annotated, only_class, suspicions
from segkit.data.sampling import evaluated_sample
from segkit.errors import DataError
from segkit.evaluation.loop import OnResult
from segkit.evaluation.pixel_formats import require_pixel_format
from segkit.evaluation.tables import METRICS_FILE, write_evaluation
from segkit.evaluation.validation import Validation, unmeasured
from segkit.inference.semantic_options import with_options
from segkit.models._base import SegmentationModel
from segkit.registries.signature import NonNegative, Positive
from segkit.results.files import ResultFormat, ResultWriter, refuse_useless_format
from segkit.results.filled import refuse_filled
from segkit.results.overlay_writer import overlay_files
from segkit.results.parts import own_part
from segkit.runtime.image_bar import image_bar
from segkit.runtime.integrity import MANIFEST, read_manifest, unguard
from segkit.runtime.precision import Precision
from segkit.runtime.processes import Process, join_processes
from segkit.runtime.writing import Json, require_folder
from segkit.types import Batch, Metrics, Result


def evaluate(
    checkpoint: str | Path,
    config: Config | str | PathLike[str] | Mapping[str, object] | None = None,
    *,
    output: str | Path | None = None,
    overlays: int = 0,
    save_predictions: bool | ResultFormat = False,
    window: int | None = None,
    augment: bool = False,
    precision: Precision | None = None,
    device: torch.device | str | None = None,
    trust: bool = False,
) -> dict[str, Metrics]:
    """Evaluates a checkpoint on the `data.val` of its config, as the command `segkit test` does.

    Processes that were launched together share the images, and each returns the metrics of all images.

    Args:
        checkpoint: A checkpoint folder, or a run folder, which stands for its best checkpoint.
        config: Replaces the checkpoint's own config. A config, or what `segkit.load_config` takes. The weights
            must fit its model.
        output: Where `metrics.json` and `data_summary.json` are written; by default `evaluation/` in the checkpoint
            folder.
        overlays: Draw this many images, into `overlays/`: the first ones, and of each task those with the largest and
            the smallest errors.
        save_predictions: Write every result as PNG or JSON, into `predictions/`, where no results may be. A format
            (`coco`, `cityscapes` or `ade20k`) names the data whose official tools shall read the files; True is `coco`.
        window: Split each image into overlapping windows of this many pixels' side. Class maps are averaged, segments
            merged.
        augment: Average the predictions of six sizes of each image (0.5 to 1.75 times its sides) and of their mirror
            images, as the MaskFormer paper does; only for the semantic task.
        precision: Number format of the model; by default `training.precision` of the config, so that the metrics of the
            training are repeated, or fp32 in a config without `training`.
        device: For example `cpu` or `cuda:1`; by default the GPU if there is one.
        trust: Import the Python files that the config of a checkpoint or run names as plugins.

    Returns:
        The metrics by evaluator.

    Raises:
        CheckpointError: The checkpoint is missing or damaged, or does not fit the config.
        ConfigError: The config has no validation data or evaluators, or the device or window cannot be used.
        DataError: An image or target cannot be read.
        WriteError: The output cannot be written.

    Example:
        >>> import tempfile
        >>> import segkit
        >>> from segkit.checkpoint import save_checkpoint
        >>> config = segkit.load_config({
        ...     "model": {
        ...         "type": "per_pixel",
        ...         "backbone": {"type": "timm", "name": "resnet18", "options": {"out_indices": [1]}},
        ...         "pixel_decoder": {"type": "fpn", "hidden_dim": 8, "mask_dim": 8},
        ...     },
        ...     "postprocessors": [{"type": "semantic"}],
        ...     "data": {"val": {"dataset": {"type": "shapes", "length": 2, "size": [32, 32]}, "workers": 0}},
        ...     "evaluators": [{"type": "mean_iou"}],
        ... })
        >>> folder = Path(tempfile.mkdtemp()) / "checkpoint"
        >>> save_checkpoint(folder, segkit.build_model(config), config, segkit.build.dataset_classes(config))
        >>> metrics = evaluate(folder, device="cpu")
        >>> 0 <= metrics["mean_iou"].values["mean_iou"] <= 1
        True
    """
    check_arguments(
        overlays=(overlays, NonNegative),
        save_predictions=(save_predictions, bool | ResultFormat),
        window=(window, Positive | None),
        augment=(augment, bool),
        precision=(precision, Precision | None),
    )
    if config is None:
        config = read_config(find_checkpoint(checkpoint), trust=trust)
    config = as_config(config, trust=trust)
    process = join_processes(device)  # before anything is loaded: it decides on which device
    output = default_output(checkpoint) if output is None else Path(output)
    loaded = load_checkpoint(checkpoint, process.device, config)
    validation = Validation(
        loaded.config, loaded.classes, loaded.model.size_divisor, process.rank, process.num_processes
    )
    require_pixel_format(loaded.model, validation.dataset, validation.transforms, "data.val")
    with_options(loaded.model, validation.postprocessors, window, augment)  # refuses them before anything is written
    precision = precision or _precision_of(config)
    return evaluate_on(
        validation, loaded.model, process, output, overlays, save_predictions, precision, window, augment
    )


def evaluate_on(
    validation: Validation,
    model: SegmentationModel,
    process: Process,
    output: Path,
    overlays: int = 0,
    save_predictions: bool | ResultFormat = False,
    precision: Precision = "fp32",
    window: int | None = None,
    augment: bool = False,
) -> dict[str, Metrics]:
    """Evaluates a model on data that are open; the arguments are those of `evaluate`.

    Raises:
        DataError: An image or target cannot be read, or the output has results already.
        WriteError: The output cannot be written.
    """
    _check_output(output, validation, overlays > 0, save_predictions)
    if overlays and process.is_main:
        unguard(output)
    with (
        _result_files(validation.classes, process, output, overlays, save_predictions) as on_result,
        image_bar("evaluating", len(validation.dataset), process.rank, process.num_processes) as progress,
    ):
        metrics = validation.run(model, process.device, precision, progress, on_result, window, augment)
    if process.is_main:
        _write(output, metrics, validation)
    return metrics


def _write(output: Path, metrics: dict[str, Metrics], validation: Validation) -> None:
    """Writes the metrics and what the data hold, and warns of targets that a training would have warned of."""
    unmet = unmeasured(metrics, validation.tally, validation.classes)  # by the run
    sample = evaluated_sample(validation.dataset, validation.tally, validation.images)
    nothing = nothing_annotated(sample)
    only = only_class(sample)  # the run warns of it too
    suspicious = [text for text in suspicions(sample) if text != only]
    found = [f"nothing can be measured: {nothing}"] if nothing else suspicious
    summary: dict[str, Json] = {
        "in_words": sample.in_words(),
        "evaluated": validation.tally.to_dict(validation.classes),
        "warnings": [*validation.warnings, *(f"data.val: {text}" for text in (*unmet, *found))],
    }
    write_evaluation(output, metrics, summary)
    for text in found:
        warnings.warn(f"data.val: {text}", stacklevel=3)


def _precision_of(config: Config) -> Precision:
    """Returns the number format in which the training evaluates."""
    training = config.experiment.training
    return "fp32" if training is None else training.precision


def default_output(checkpoint: str | Path) -> Path:
    """Returns where the metrics of a checkpoint are written by default."""
    return find_checkpoint(checkpoint) / "evaluation"


def _check_output(output: Path, validation: Validation, overlays: bool, predictions: bool | ResultFormat) -> None:
    """Checks that the output can be written, and that results of another command or evaluation are not replaced."""
    require_folder(output)
    result_types = [one.result_type for one in validation.postprocessors.values()]
    if not isinstance(predictions, bool):
        refuse_useless_format(predictions, result_types)
    if predictions:
        refuse_filled(output / "predictions", result_types)
    if METRICS_FILE not in (read_manifest(output, "Name another folder.") or [METRICS_FILE]):
        raise DataError(f"{output / MANIFEST}: has the digests of other files. Give another --output.")
    # Only the overlays of an earlier evaluation are replaced.
    if overlays and not (output / METRICS_FILE).exists():
        refuse_filled(output, result_types)


@contextmanager
def _result_files(
    classes: Classes, process: Process, output: Path, overlays: int, save_predictions: bool | ResultFormat
) -> Iterator[OnResult | None]:
    """Yields what draws and writes the results as they come; None where nothing is asked for."""
    result_format: ResultFormat = "coco" if isinstance(save_predictions, bool) else save_predictions
    with (
        overlay_files(output / "overlays", classes, overlays, process) as draw,
        own_part(output / "predictions", process) as predictions,
        ResultWriter(predictions.folder, classes, predictions.names, result_format) as writer,
    ):

        def on_result(batch: Batch, index: int, result: Result) -> None:
            draw(batch, index, result)
            if save_predictions:
                writer.write(result, batch.files[index], batch.image_ids[index])

        # Without it, postprocessors that no evaluator needs do not run.
        yield on_result if overlays or save_predictions else None
