"""From a checkpoint to a checked file: `segkit export`."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import segkit
from segkit.build import build_postprocessor
from segkit.checkpoint import Checkpoint, find_checkpoint, load_checkpoint, read_config
from segkit.classes import Classes
from segkit.config import Config
from segkit.errors import ExportError, cause_of
from segkit.export.calibration import calibration_images
from segkit.export.check_memory import require_memory_of_check
from segkit.export.formats import FORMATS, ExportedFile, Format
from segkit.export.metadata import FileInfo
from segkit.export.parity import Parity, check_parity
from segkit.export.predictor import RESIZING
from segkit.export.program import TRACED_BATCH, ExportProgram, example_images
from segkit.export.quantize import CALIBRATED, FilePrecision, convert
from segkit.export.size_range import SizeRange, size_range
from segkit.export.tasks import task_of
from segkit.export.tracing import trace
from segkit.inference.thresholds import prediction_settings
from segkit.models._base import SegmentationModel
from segkit.registries import Postprocessor
from segkit.runtime.extras import import_extra
from segkit.runtime.writing import replace_file
from segkit.types import Feature, pixel_format_of


def export_checkpoint(
    checkpoint: str | Path,
    output: str | Path,
    *,
    format: str = "onnx",
    task: str | None = None,
    size: str = "dynamic",
    precision: FilePrecision = "fp32",
    plugins: Sequence[str | PathLike[str]] = (),
    trust: bool = False,
) -> Parity:
    """Writes the model of a checkpoint as one file that takes uint8 RGB images and gives the results of a task.

    The file is checked against the model before it gets its name: a file that differs is not left behind.

    Args:
        checkpoint: A checkpoint folder, or a run folder, which stands for its best checkpoint.
        output: The file to write.
        format: `onnx` or `torch`.
        task: `semantic`, `instance` or `panoptic`; by default the first postprocessor of the config. Its settings are
            those of the config.
        size: `dynamic`, `HxW` or `MIN-MAX`; see `segkit.export.size_range`.
        precision: Number format of an ONNX file. Such a file is checked in fp32 before it is converted; what the
            conversion changes is told and not judged. `int8` reads images of the config's own data.
        plugins: Python files that the checkpoint's config may import.
        trust: Import all Python files that the checkpoint's config names as plugins.

    Returns:
        What the check found.

    Raises:
        CheckpointError: The checkpoint cannot be loaded.
        ExportError: The model takes other images than RGB, a part does not trace, the file differs from the model, or
            an argument has a value that is not allowed.
        MissingExtraError: A package of the extra `export` is missing.
        WriteError: The file cannot be written.
    """
    output = Path(output)
    chosen = FORMATS[format]
    if output.suffix != chosen.suffix:
        raise ExportError(f"{output}: a file of --format {format} ends in {chosen.suffix}.")
    if precision != "fp32" and format != "onnx":
        raise ExportError(f"--precision {precision}: files of --format {format} are fp32. Use --format onnx.")
    for package in chosen.packages:  # before the work
        import_extra(package, "export")
    loaded = load_checkpoint(checkpoint, plugins=plugins, trust=trust)
    _require_rgb(loaded, checkpoint)
    name, postprocessor = exported_postprocessor(loaded.config, loaded.classes, task)
    program = ExportProgram(loaded.model, task_of(postprocessor, name), postprocessor)
    info = _info(loaded, program, size_range(size, _coarsest_stride(loaded.model)))
    require_memory_of_check(program, info.sizes)
    with replace_file(output) as draft:
        names = _output_names(program, info.sizes)
        chosen.write(trace(program, info.sizes), draft, info, names)
        parity = check_parity(_opened(chosen, draft, output), program, loaded.classes)
        parity.require(str(output))
        if precision != "fp32":
            images: Iterable[Tensor] = ()
            if precision == "int8":
                config = read_config(find_checkpoint(checkpoint), plugins, trust)
                images = calibration_images(config, info.sizes, CALIBRATED)
            convert(draft, precision, replace(info, precision=precision), images)
            parity = check_parity(_opened(chosen, draft, output), program, loaded.classes)
    return parity


def _opened(chosen: Format, draft: Path, output: Path) -> ExportedFile:
    """Opens the file that was just written, under the name that it will have.

    Raises:
        ExportError: It cannot be run.
    """
    try:
        return chosen.open(draft)
    except ExportError as error:
        others = " or ".join(f"--format {name}" for name, one in FORMATS.items() if one is not chosen)
        raise ExportError(
            f"{output}: the written file cannot be run ({cause_of(error.__cause__ or error)}). No file was written. "
            f"Use {others}."
        ) from error


def exported_postprocessor(config: Config, classes: Classes, task: str | None) -> tuple[str, Postprocessor]:
    """Returns the postprocessor whose results a file gives, and its name.

    Args:
        config: Of the checkpoint.
        classes: Of the checkpoint.
        task: By default the first one of the config.

    Raises:
        RegistryError: There is no such task.
    """
    parts = [part["type"] for part in config.experiment.postprocessors]
    name = task or next(iter(parts), "semantic")
    return name, build_postprocessor(config, classes, name)


def _info(loaded: Checkpoint, program: ExportProgram, sizes: SizeRange) -> FileInfo:
    config = loaded.config
    return FileInfo(
        task=program.task.name,
        classes=loaded.classes,
        sizes=sizes,
        score_threshold=getattr(program.postprocessor, "score_threshold", None),
        shown_score=prediction_settings(config, program.task.name).get("score_threshold"),
        transforms=_transforms(config),
        made_with={
            "segkit": segkit.__version__,
            "torch": torch.__version__,
            "config_sha256": hashlib.sha256(config.to_yaml().encode()).hexdigest(),
        },
    )


def _transforms(config: Config) -> list[dict[str, Any]]:
    """Returns the transforms that images need before they go into the file."""
    data = config.experiment.data
    transforms = data.val.transforms if data is not None and data.val is not None else []
    for transform in transforms:
        if transform["type"] not in RESIZING:
            raise ExportError(
                f"{config.path}: data.val.transforms: an exported file cannot name '{transform['type']}', but only "
                f"{', '.join(RESIZING)}. Remove it, or apply it to the images yourself."
            )
    return [dict(transform) for transform in transforms]


def _coarsest_stride(model: SegmentationModel) -> int:
    """Returns the largest stride of the backbone's maps, or the model's size divisor where it publishes none."""
    features: list[Feature] = getattr(getattr(model, "backbone", None), "features", [])
    return max([model.size_divisor, *(feature.stride for feature in features)])


def _output_names(program: ExportProgram, sizes: SizeRange) -> list[str]:
    """Returns the names of what a program returns, in order: those of the prediction depend on the model."""
    with torch.no_grad():
        return list(program(example_images(TRACED_BATCH, *sizes.examples()[0])))


def _require_rgb(loaded: Checkpoint, checkpoint: str | Path) -> None:
    pixels = pixel_format_of(loaded.model)
    if not pixels.is_rgb:
        raise ExportError(
            f"{checkpoint}: its model takes images of {pixels}, but exported files take RGB of 8 bits. It cannot be "
            "exported; use the checkpoint itself."
        )
