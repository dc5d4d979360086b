"""A checkpoint folder: `model.safetensors`, `config.yaml`, `classes.json`. It alone is enough to test and predict."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from segkit.build import build_model, class_tensors
from segkit.classes import Classes
from segkit.config import CONFIG_FILE, Config, load_config
from segkit.errors import CheckpointError
from segkit.models._base import SegmentationModel
from segkit.runtime.writing import replace_folder

WEIGHTS_FILE = "model.safetensors"
CLASSES_FILE = "classes.json"


@dataclass
class Checkpoint:
    """What a checkpoint folder holds, the model in eval mode."""

    model: SegmentationModel
    classes: Classes
    config: Config


@dataclass
class LoadReport:
    """What became of every tensor when weights met a model."""

    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """In the model alone: they keep their initial values."""
    unexpected: list[str] = field(default_factory=list)
    """In the file alone: they are not used."""
    reshaped: list[str] = field(default_factory=list)
    """`name: shape in the file, shape in the model`, in both but of unlike shape: not used."""

    def __str__(self) -> str:
        lines = [f"{len(self.loaded)} tensors loaded"]
        for title, names in (
            ("only in the model, left as they were", self.missing),
            ("only in the file, not used", self.unexpected),
            ("of another shape, not used", self.reshaped),
        ):
            if names:
                lines.append(f"{len(names)} {title}: {_shortened(names)}")
        return "; ".join(lines)

    @property
    def complete(self) -> bool:
        return not (self.missing or self.unexpected or self.reshaped)


def _shortened(names: list[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


@contextmanager
def replace_checkpoint(folder: Path) -> Iterator[Path]:
    """Yields a new folder to write a checkpoint into, as `replace_folder` does.

    Raises:
        CheckpointError: The folder cannot be written.
    """
    try:
        with replace_folder(folder) as draft:
            yield draft
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{folder}: cannot be written ({error}).") from error


def refuse_taken(folder: Path) -> None:
    """Raises CheckpointError where there is something else than an empty folder."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise CheckpointError(f"{folder}: exists already and is not an empty folder. Name another, or remove it.")


def save_checkpoint(folder: Path, model: nn.Module, config: Config, classes: Classes) -> None:
    """Writes a checkpoint folder; an earlier one there is replaced only once the new one is whole."""
    with replace_checkpoint(folder) as draft:
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, draft / WEIGHTS_FILE)
        (draft / CONFIG_FILE).write_text(config.to_yaml(), encoding="utf-8")
        (draft / CLASSES_FILE).write_text(json.dumps(classes.to_dict(), indent=1), encoding="utf-8")


def find_checkpoint(path: str | Path) -> Path:
    """The checkpoint folder that `path` means: itself, or a run's `best`, else its `last`.

    Raises CheckpointError where there is none.
    """
    path = Path(path)
    for folder in (path, path / "best", path / "last"):
        if (folder / WEIGHTS_FILE).is_file():
            return folder
    what = "no such folder" if not path.exists() else "no checkpoint"
    raise CheckpointError(
        f"{path}: {what}. A checkpoint is a folder with {WEIGHTS_FILE}, {CONFIG_FILE} and {CLASSES_FILE}; "
        "a run's folder does too."
    )


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint folder, on the CPU. Raises CheckpointError where the file is not whole."""
    try:
        return load_file(folder / WEIGHTS_FILE)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{folder / WEIGHTS_FILE}: cannot be read ({error}). The file is damaged or no safetensors file; "
            "take another checkpoint."
        ) from error


def read_classes(folder: Path) -> Classes:
    try:
        return Classes.from_dict(json.loads((folder / CLASSES_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{folder / CLASSES_FILE}: no class list can be read from it ({error}).") from error


def read_config(folder: Path) -> Config:
    if not (folder / CONFIG_FILE).is_file():
        raise CheckpointError(f"{folder}: has no {CONFIG_FILE}. Name a config beside the checkpoint.")
    return load_config(folder / CONFIG_FILE)


def load_checkpoint(path: str | Path, device: torch.device | str = "cpu", config: Config | None = None) -> Checkpoint:
    """The model of a checkpoint (or of a run's best one), in eval mode on `device`.

    Args:
        config: build this config's model instead of the checkpoint's own; every tensor must fit.

    Raises CheckpointError where files are missing or damaged, or tensors do not fit.
    """
    folder = find_checkpoint(path)
    config = config or read_config(folder)
    classes = read_classes(folder)
    model = build_model(config, classes, initial_weights=False)
    report = load_fitting(model, read_weights(folder))
    if not report.complete:
        raise CheckpointError(f"{folder}: does not fit the model of {config.path}: {report}.")
    return Checkpoint(model.to(device).eval(), classes, config)


def load_model(path: str | Path, device: torch.device | str = "cpu") -> SegmentationModel:
    """The model of a checkpoint folder, or of a run's best one, in eval mode."""
    return load_checkpoint(path, device).model


def load_fitting(model: nn.Module, weights: Mapping[str, Tensor]) -> LoadReport:
    """Copies into `model` what fits by name and shape, and reports the rest."""
    report = LoadReport()
    own = model.state_dict()
    fitting = {}
    for name, tensor in weights.items():
        if name not in own:
            report.unexpected.append(name)
        elif own[name].shape != tensor.shape:
            report.reshaped.append(f"{name}: {tuple(tensor.shape)}, {tuple(own[name].shape)}")
        else:
            fitting[name] = tensor
            report.loaded.append(name)
    reshaped = {entry.partition(":")[0] for entry in report.reshaped}
    report.missing = [name for name in own if name not in fitting and name not in reshaped]
    model.load_state_dict(fitting, strict=False)
    return report


def initialize_from(
    model: nn.Module, path: str | Path, config: Config, classes: Classes, reset_head: bool = False
) -> LoadReport:
    """Starts `model`, built from `config` for `classes`, with a checkpoint's tensors as far as they fit.

    Args:
        reset_head: the tensors that depend on the class list keep their initial values.

    Raises CheckpointError where the checkpoint is of another class list and `reset_head` is not set, or where nothing
    fits at all.
    """
    folder = find_checkpoint(path)
    weights = read_weights(folder)
    head = class_tensors(config, classes) & weights.keys()
    if reset_head:
        weights = {name: tensor for name, tensor in weights.items() if name not in head}
    elif head:
        refuse_other_classes(folder, read_classes(folder), classes, head)
    report = load_fitting(model, weights)
    if not report.loaded:
        raise CheckpointError(f"{folder}: not one tensor fits the model of {config.path}: {report}.")
    return report


def refuse_other_classes(folder: Path, theirs: Classes, ours: Classes, head: Iterable[str]) -> None:
    """Raises CheckpointError where the two class lists differ, naming the tensors this concerns."""
    difference = classes_differ(theirs, ours)
    if difference:
        raise CheckpointError(
            f"{folder}: is for another class list ({difference}), so these tensors mean something else: "
            f"{', '.join(sorted(head))}. Start them anew with --reset-head."
        )


def classes_differ(theirs: Classes, ours: Classes) -> str:
    """How two class lists differ, in words; empty where they do not."""
    if theirs.names == ours.names:
        return ""
    pairs = zip(theirs.names, ours.names, strict=False)
    first = next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(theirs), len(ours)))
    there = f"'{theirs.names[first]}'" if first < len(theirs) else "none"
    here = f"'{ours.names[first]}'" if first < len(ours) else "none"
    return f"{len(theirs)} classes there, {len(ours)} here; class {first} is {there} there, {here} here"
