"""The checkpoint folder: `model.safetensors`, `config.yaml`, `classes.json`, and their digests in `SHA256SUMS`.

The folder alone is enough to evaluate, predict, export and fine-tune. A file that was damaged is never read.
"""

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from segkit.build import build_model, with_pixel_values
from segkit.classes import Classes
from segkit.config import CONFIG_FILE, Config, load_config, load_for_prediction
from segkit.errors import CheckpointError, counted, join_first, nearest
from segkit.models._base import SegmentationModel
from segkit.runtime.finite import first_nonfinite
from segkit.runtime.integrity import MANIFEST, digest_of, read_manifest, require_intact, write_manifest
from segkit.runtime.reading import read_json, require_file
from segkit.runtime.recorded_classes import class_record, recorded_classes
from segkit.runtime.weights import load_fitting
from segkit.runtime.writing import replace_folder

WEIGHTS_FILE = "model.safetensors"
CLASSES_FILE = "classes.json"
"""Names of the files in a checkpoint folder, beside `config.yaml`."""


@dataclass
class Checkpoint:
    """The content of a checkpoint folder."""

    model: SegmentationModel
    """In eval mode."""
    classes: Classes
    config: Config


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
        cause = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{folder}: cannot be written ({cause}).") from error


def refuse_taken(folder: Path) -> None:
    """Checks that nothing would be overwritten.

    Raises:
        CheckpointError: `folder` exists and is not an empty folder.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise CheckpointError(f"{folder}: exists already and is not an empty folder. Name another, or remove it.")


def save_checkpoint(
    folder: Path,
    model: nn.Module,
    config: Config,
    classes: Classes,
    write_more: Callable[[Path], None] = lambda draft: None,
) -> None:
    """Writes a checkpoint folder. An earlier one is replaced only once the new one is complete and on the disk.

    Args:
        folder: The folder.
        model: Its weights are saved.
        config: What the model was built from.
        classes: What the model was built for.
        write_more: Writes further files into the folder it is given.

    Raises:
        CheckpointError: The folder cannot be written.
    """
    with replace_checkpoint(folder) as draft:
        tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        save_file(tensors, draft / WEIGHTS_FILE, class_record(classes.names))
        (draft / CONFIG_FILE).write_text(with_pixel_values(config, model).to_yaml(), encoding="utf-8")
        (draft / CLASSES_FILE).write_text(json.dumps(classes.to_dict(), indent=1), encoding="utf-8")
        write_more(draft)
        write_manifest(draft)


def warn_of_nonfinite(folder: Path, weights: Mapping[str, Tensor]) -> None:
    """Warns where weights of a checkpoint folder are nan or infinite."""
    name = first_nonfinite(weights)
    if name is not None:
        warnings.warn(
            f"{folder / WEIGHTS_FILE}: holds weights that are not finite (first: {name}), so that results mean "
            "nothing. Use another checkpoint.",
            stacklevel=3,
        )


def find_checkpoint(path: str | Path) -> Path:
    """Finds the checkpoint folder: `path` itself, or the `best` or else the `last` checkpoint of the run `path`.

    Raises:
        CheckpointError: There is none.
    """
    if not isinstance(path, str | Path) or not str(path).strip():
        raise CheckpointError(f"checkpoint: {path!r} is no path. Pass the folder of a checkpoint or run.")
    path = Path(path)
    for folder in (path, path / "best", path / "last"):
        if (folder / WEIGHTS_FILE).is_file():
            return folder
    what = "no such folder" if not path.exists() else "no checkpoint"
    raise CheckpointError(
        f"{path}: {what}. A checkpoint is a folder with {WEIGHTS_FILE}, {CONFIG_FILE} and {CLASSES_FILE}; "
        "a run folder can be named too."
    )


def checkpoint_digest(path: str | Path) -> str:
    """Returns a digest of all that decides what a checkpoint predicts: weights, config and classes.

    Args:
        path: A checkpoint folder or a run folder, as for `load_checkpoint`, which finds damage.

    Raises:
        CheckpointError: There is no checkpoint, or a file cannot be read.
    """
    folder = find_checkpoint(path)
    known = read_manifest(folder) or {}
    try:
        weights = known.get(WEIGHTS_FILE) or digest_of(folder / WEIGHTS_FILE)
        digests = [weights, *(digest_of(folder / name) for name in (CONFIG_FILE, CLASSES_FILE))]
    except OSError as error:
        raise CheckpointError(f"{folder}: cannot be read ({error.strerror}).") from error
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Reads the tensors of a checkpoint folder, onto the CPU.

    Raises:
        CheckpointError: The file is missing or damaged.
    """
    require_intact(folder / WEIGHTS_FILE)
    try:
        require_file(folder / WEIGHTS_FILE)
        return load_file(folder / WEIGHTS_FILE)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{folder / WEIGHTS_FILE}: cannot be read ({error}). The file is damaged, or it is not a safetensors file. "
            "Use another checkpoint."
        ) from error


def read_classes(folder: Path) -> Classes:
    """Reads the classes of a checkpoint folder.

    Raises:
        CheckpointError: The file is missing or damaged, or has the classes in another order than the weights.
    """
    require_intact(folder / CLASSES_FILE)
    try:
        classes = Classes.from_dict(read_json(folder / CLASSES_FILE))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{folder / CLASSES_FILE}: the classes cannot be read ({error}). Use another checkpoint."
        ) from error
    recorded = Classes.make(recorded_classes(folder / WEIGHTS_FILE) or classes.names)
    if recorded.names != classes.names and set(recorded.names) == set(classes.names):
        difference = f"differs from {WEIGHTS_FILE}: {classes_differ(recorded, classes)}"
        raise CheckpointError(f"{folder / CLASSES_FILE}: {difference}. Restore their order, or use another checkpoint.")
    return classes


def read_config(folder: Path, plugins: Sequence[str | PathLike[str]] = (), trust: bool = False) -> Config:
    """Reads the whole config of a checkpoint folder. `plugins` and `trust` are those of `load_checkpoint`.

    Raises:
        CheckpointError: The file is missing.
        ConfigError: The config is wrong.
    """
    _require_config(folder)
    return load_config(folder, plugins=plugins, trust=trust)


def _require_config(folder: Path) -> None:
    if not (folder / CONFIG_FILE).is_file():
        raise CheckpointError(f"{folder}: has no {CONFIG_FILE}. Name a config besides the checkpoint.")


def load_checkpoint(
    path: str | Path,
    device: torch.device | str = "cpu",
    config: Config | None = None,
    *,
    plugins: Sequence[str | PathLike[str]] = (),
    trust: bool = False,
) -> Checkpoint:
    """Loads a checkpoint for prediction. Of its own config, only what a prediction uses is read.

    Args:
        path: A checkpoint folder, or a run folder, which stands for its best checkpoint.
        device: Where the model is put.
        config: Build the model of this config, instead of the checkpoint's own. Every tensor must fit.
        plugins: Python files to import first. The checkpoint's config may import them.
        trust: Whether Python files that the checkpoint's config names may be imported, if its model needs them.

    Raises:
        CheckpointError: A file is missing or damaged, or the tensors do not fit the model.
        ConfigError: The config is wrong, or it names Python files that are not trusted.
    """
    folder = find_checkpoint(path)
    if config is None:
        _require_config(folder)
        config = load_for_prediction(folder, plugins, trust=trust)
    classes = read_classes(folder)
    if read_manifest(folder) is None and recorded_classes(folder / WEIGHTS_FILE):  # no checkpoint of an earlier version
        warnings.warn(f"{folder}: has no {MANIFEST}, so that damage to its files cannot be found.", stacklevel=2)
    model = build_model(config, classes, initial_weights=False)
    weights = read_weights(folder)
    report = load_fitting(model, weights)
    if not report.complete:
        raise CheckpointError(f"{folder}: does not fit the model of {config.path}: {report}.")
    warn_of_nonfinite(folder, weights)
    return Checkpoint(model.to(device).eval(), classes, config)


def load_model(path: str | Path, device: torch.device | str = "cpu", *, trust: bool = False) -> SegmentationModel:
    """Loads the model of a checkpoint, in eval mode.

    Args:
        path: A checkpoint folder, or a run folder, which stands for its best checkpoint.
        device: Where the model is put.
        trust: Import the Python files that the checkpoint's config names as plugins.

    Raises:
        CheckpointError: A file is missing or damaged.
        ConfigError: The config is wrong, or it names plugins and `trust` is False.

    Example:
        >>> import tempfile
        >>> import segkit
        >>> config = segkit.load_config({
        ...     "model": {
        ...         "type": "per_pixel",
        ...         "backbone": {"type": "timm", "name": "resnet18", "options": {"out_indices": [1]}},
        ...         "pixel_decoder": {"type": "fpn", "hidden_dim": 8, "mask_dim": 8},
        ...     }
        ... })
        >>> classes = Classes.make(["road", "car"])
        >>> folder = Path(tempfile.mkdtemp()) / "checkpoint"
        >>> save_checkpoint(folder, segkit.build_model(config, classes), config, classes)
        >>> model = load_model(folder)
        >>> model(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)).pixel_logits.shape
        torch.Size([1, 2, 8, 8])
    """
    return load_checkpoint(path, device, trust=trust).model


def classes_differ(theirs: Classes, ours: Classes) -> str:
    """Describes how two class lists differ; returns an empty string if they do not.

    Example:
        >>> classes_differ(Classes.make(["road", "car"]), Classes.make(["cars", "road"]))
        "2 classes there, 2 here; only there: 'car'; only here: 'cars' (near 'car' there)"
        >>> classes_differ(Classes.make(["road", "car"]), Classes.make(["car", "road"]))
        "the same 2 classes in another order; class 0 is 'road' there, 'car' here"
    """
    if theirs.names == ours.names:
        return ""
    only_there = [name for name in theirs.names if name not in ours.names]
    only_here = [name for name in ours.names if name not in theirs.names]
    if not only_there and not only_here:
        first = next(index for index, name in enumerate(theirs.names) if name != ours.names[index])
        return (
            f"the same {counted(ours, 'class')} in another order; class {first} is '{theirs.names[first]}' there, "
            f"'{ours.names[first]}' here"
        )
    near = {name: nearest(name, only_there) for name in only_here}
    there = [f"'{name}'" for name in only_there]
    here = [f"'{name}'" + (f" (near '{near[name]}' there)" if near[name] else "") for name in only_here]
    return "; ".join(
        [
            f"{counted(theirs, 'class')} there, {len(ours)} here",
            *([f"only there: {join_first(there)}"] if there else []),
            *([f"only here: {join_first(here)}"] if here else []),
        ]
    )
