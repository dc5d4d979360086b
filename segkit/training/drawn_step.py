"""Draws the batches that a step of a training learned from, with the loss of each image."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path

import torch
from PIL import Image

from segkit.build import build_criterion, build_dataset
from segkit.checkpoint import Checkpoint, find_checkpoint, load_checkpoint
from segkit.classes import Classes
from segkit.config import Config, load_config
from segkit.config.sections import Training, TrainingSplit
from segkit.criterion import Criterion
from segkit.data.loaded import LoadedBatch
from segkit.errors import CheckpointError, ConfigError, counted
from segkit.layers.stepping import announce_step, stepped_parts
from segkit.ops.targets import change_maps
from segkit.results.grid import image_grid
from segkit.results.target_overlay import target_overlay
from segkit.runtime.devices import choose_device
from segkit.runtime.model_call import call_model
from segkit.runtime.precision import Precision, autocast
from segkit.runtime.writing import replace_file, require_folder
from segkit.training.batches import batches_of_step
from segkit.training.repeats import read_factors
from segkit.training.run_folder import STATE_FILE, RunFolder
from segkit.training.state import SavedState

DRAWINGS = "batches"
"""Folder of a run folder that holds the drawn steps."""


@dataclass(frozen=True)
class DrawnImage:
    """One image of a step."""

    process: int
    """From 0, as the batch and the number in the batch."""
    batch: int
    number: int
    file: str
    image_id: int | str
    size: tuple[int, int]
    """(height, width) after the transforms."""
    segments: int
    losses: dict[str, float]
    """`total` and each loss of the last layer, as if the image were the only one of the step."""


@dataclass(frozen=True)
class DrawnStep:
    """The images of a step, and where they are drawn."""

    step: int
    """From 1."""
    checkpoint: Path
    """Whose weights the losses are those of."""
    images: list[DrawnImage]
    drawing: Path
    table: Path


def draw_step(
    run: str | Path,
    step: int,
    *,
    checkpoint: str | Path | None = None,
    output: str | Path | None = None,
    device: torch.device | str | None = None,
    plugins: Sequence[str | PathLike[str]] = (),
    trust: bool = False,
) -> DrawnStep:
    """Draws all images that a step learned from, of all accumulated batches and all processes.

    Images and targets are those of the training, to the last bit, if config, data and number of processes are still
    those of that step. A run that was resumed with other ones is drawn as it was resumed last.

    The losses are those of the model in evaluation, without dropout and with running statistics.

    Args:
        run: A run folder.
        step: Number of the step, from 1.
        checkpoint: A checkpoint or run folder; by default the state of the run that is nearest to the step.
        output: Folder for the two files; by default `batches/` in the run folder.
        device: Where losses are computed; by default the GPU if there is one.
        plugins: Python files that the config of the run may import.
        trust: Import all Python files that the config of the run names.

    Raises:
        ConfigError: The training has no such step.
        CheckpointError: The folder is no run, it has no checkpoint, or its dataset has changed.
        DataError: An image cannot be read.
        WriteError: A file cannot be written.
    """
    folder = RunFolder(Path(run))
    num_processes = folder.num_processes()
    config = load_config(run, plugins=plugins, trust=trust)
    settings, split = _sections(config)
    if not 1 <= step <= settings.steps:
        raise ConfigError(f"{run}: the training has no step {step}. Its steps are 1 to {settings.steps}.")
    target = Path(output) if output is not None else folder.path / DRAWINGS
    require_folder(target)
    chosen = find_checkpoint(checkpoint) if checkpoint is not None else _nearest(folder, step)
    dataset = build_dataset(split)
    _require_same_data(folder, len(dataset))
    place = choose_device(device)
    loaded = load_checkpoint(chosen, place, config)
    factors = None if split.repeat_threshold is None else read_factors(folder, len(dataset))
    by_process = batches_of_step(settings, split, dataset, loaded.model.size_divisor, step, num_processes, factors)
    criterion = build_criterion(config, loaded.classes).to(place)
    announce_step(stepped_parts(criterion, criterion.matcher), step - 1, settings.steps)
    images, drawings = [], []
    for process, batches in enumerate(by_process):
        for number, batch in enumerate(batches):
            losses = image_losses(loaded, criterion, batch, place, settings.precision)
            images += _described(batch, losses, process, number)
            drawings += [_drawn(batch, index, loaded.classes) for index in range(len(batch.files))]
    drawn = DrawnStep(step, chosen, images, target / f"step_{step}.png", target / f"step_{step}.json")
    _write(drawn, drawings)
    return drawn


def _sections(config: Config) -> tuple[Training, TrainingSplit]:
    training, data = config.experiment.training, config.experiment.data
    if training is None or data is None or data.train is None:
        raise ConfigError(f"{config.path}: describes no training. Name the folder of a run.")
    return training, data.train


def _nearest(run: RunFolder, step: int) -> Path:
    """Returns the state whose weights are nearest to those that the step began with."""
    found = run.checkpoints()
    if not found:
        return find_checkpoint(run.path)
    return min(found, key=lambda folder: abs(int(folder.name.removeprefix("step_")) - (step - 1)))


def _require_same_data(run: RunFolder, num_images: int) -> None:
    for folder in run.checkpoints()[-1:]:
        earlier = SavedState(folder).state.num_images
        if earlier not in (None, num_images):
            raise CheckpointError(
                f"{folder / STATE_FILE}: the dataset had {counted(earlier, 'image')} and has {num_images}, so the "
                "order of the "
                "images is another one. Restore the dataset."
            )


@torch.no_grad()
def image_losses(
    checkpoint: Checkpoint, criterion: Criterion, batch: LoadedBatch, device: torch.device, precision: Precision
) -> list[dict[str, float]]:
    """Returns the losses of each image of a batch by itself: `total`, and each loss of the last layer by name."""
    found = []
    for index, file in enumerate(batch.files):
        # Losses at random points draw the same points for every image, so that they compare.
        with torch.random.fork_rng(), autocast(device, precision):
            torch.manual_seed(0)
            images = batch.images[index : index + 1].to(device)
            prediction = call_model(checkpoint.model, images, [batch.sizes[index]], [file])
            report = criterion(prediction, [batch.targets[index].to(device)])
        found.append({name: float(value) for name, value in report.named.items() if "/" not in name})
    return found


def _described(batch: LoadedBatch, losses: list[dict[str, float]], process: int, number: int) -> list[DrawnImage]:
    rows = zip(batch.files, batch.image_ids, batch.sizes, batch.targets, losses, strict=True)
    return [
        DrawnImage(process, number, index, file, image_id, sizes.unpadded, len(target), values)
        for index, (file, image_id, sizes, target, values) in enumerate(rows)
    ]


def _drawn(batch: LoadedBatch, index: int, classes: Classes) -> Image.Image:
    """Draws an image without its padding, with its segments."""
    height, width = batch.sizes[index].unpadded
    target = change_maps(batch.targets[index], lambda values: values[..., :height, :width])
    return target_overlay(batch.images[index, :, :height, :width], target, classes)


def _write(drawn: DrawnStep, drawings: Sequence[Image.Image]) -> None:
    captions = [
        f"{place}  loss {image.losses['total']:.3f}  {Path(image.file).name}"
        for place, image in enumerate(drawn.images, start=1)
    ]
    with replace_file(drawn.drawing) as draft:
        image_grid(drawings, captions).save(draft, format="PNG")
    content = {"step": drawn.step, "checkpoint": str(drawn.checkpoint), "images": [asdict(one) for one in drawn.images]}
    with replace_file(drawn.table) as draft:
        draft.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
