"""Compares the training that is resumed with the one that wrote the checkpoint.

What would change the order of the images is refused, since images would be skipped or come twice. Other settings that
have a meaning for the model, or for which checkpoint is the best, are reported. Settings that only say what is written
and when may change freely.
"""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from segkit.config import CONFIG_FILE, Config
from segkit.config.difference import leaves
from segkit.config.earlier import pixel_values, with_earlier_defaults
from segkit.config.nodes import Value
from segkit.config.plain import plain
from segkit.config.sections import Training, TrainingSplit
from segkit.config.source import inline, read_file
from segkit.errors import CheckpointError, ConfigError, counted
from segkit.training.state import SavedState

FREE = (
    *(f"data.{split}.{name}" for split in ("train", "val") for name in ("workers", "timeout")),
    *("data.val.batch_size", "plugins", "init_from", "class_map", "reset_head"),
    *(f"training.{name}" for name in ("log_every", "evaluate_every", "checkpoint_every", "keep_checkpoints")),
    "training.early_stopping",
)
"""Settings, and sections with all their settings, that say nothing about how the model is trained."""

OF_BEST = ("data.val", "evaluators", "postprocessors", "training.best_metric")
"""Settings that decide which checkpoint is the best."""

_ORDER = {"training.seed": Training.seed, "data.train.dataset.type": None, "data.train.repeat_threshold": None}
"""Settings that the order of the images follows from, with their defaults."""

_WEIGHTS = "class_weights"
"""A setting of losses."""

COMPARED_ELSEWHERE = (*_ORDER, "training.accumulate", "data.train.batch_size")


def _refuse_fewer_steps(saved: SavedState, config: Config) -> None:
    settings = config.experiment.training
    if settings is not None and settings.steps < saved.state.step:
        raise ConfigError(
            f"{config.origin('training.steps')}: training.steps: {counted(settings.steps, 'step')}, but {saved.folder} "
            "has made "
            f"{saved.state.step}. Set as many or more, or start a new training with init_from={saved.folder}."
        )


def changes(saved: SavedState, config: Config, num_images: int, num_processes: int) -> list[str]:
    """Returns a line for each setting that a resumed training has changed.

    The config of the checkpoint is read as plain values: nothing that it names is looked up or imported.

    Args:
        saved: The checkpoint.
        config: The config of the training that resumes it.
        num_images: Images of its dataset.
        num_processes: Its processes.

    Raises:
        CheckpointError: The order of the images would change.
        ConfigError: The training has made more steps already than the config asks for.
    """
    before, file = _config_of(saved), saved.folder / CONFIG_FILE
    _refuse_fewer_steps(saved, config)
    problems = [
        *_other_order(before, config, file),
        *_other_images(saved, num_images),
        *_other_batch(before, saved.num_processes, config, num_processes),
    ]
    if problems:
        raise CheckpointError(
            f"{saved.folder}: belongs to a training with another order of images: {'; '.join(problems)}. Resume with "
            f"the earlier values, or start a new training with init_from={saved.folder}."
        )
    reported = changed_settings(saved, config)
    lines = list(reported.values())
    if saved.state.best is not None and any(_lies_in(path, OF_BEST) for path in reported):
        lines.append(
            "`best` stays until a later evaluation has a higher value; remove it, and the next one decides anew"
        )
    if saved.num_processes != num_processes:
        lines.append(f"processes: {saved.num_processes} -> {num_processes}. The order of the images stays")
    return [f"changed since {saved.folder}: {line}" for line in lines]


def changed_settings(saved: SavedState, config: Config) -> dict[str, str]:
    """Returns the settings with a meaning for the model that a resumed training has changed: path -> a line about it.

    Args:
        saved: The checkpoint.
        config: The config of the training that resumes it.
    """
    found = _differences(_config_of(saved), config, saved.folder / CONFIG_FILE)
    return {path: line for path, line in found if not _is_free(path)}


def keep_pixel_values(saved: SavedState, config: Config) -> Config:
    """Returns the config with the pixel mean and deviation of the checkpoint, where it does not set its own."""
    before = _config_of(saved)
    same = before.get("model", {}).get("type") == config.experiment.model["type"]
    return config.completed("model", pixel_values(before), str(saved.folder / CONFIG_FILE)) if same else config


def keep_class_weights(saved: SavedState, config: Config) -> Config:
    """Returns the config with the class weights of the checkpoint in place of `class_weights: auto`."""
    section, before = config.experiment.criterion, _of(_config_of(saved), "criterion.losses", [])
    losses = [] if section is None else section.losses
    kept = []
    for loss, earlier in zip_longest(losses, before[: len(losses)]):
        same = earlier is not None and earlier["type"] == loss["type"] and isinstance(earlier.get(_WEIGHTS), dict)
        kept.append({**loss, _WEIGHTS: earlier[_WEIGHTS]} if same and loss.get(_WEIGHTS) == "auto" else loss)
    return config if kept == losses else config.changed("criterion", {"losses": kept}, str(saved.folder / CONFIG_FILE))


def _config_of(saved: SavedState) -> Value:
    return plain(with_earlier_defaults(read_file(str(saved.folder / CONFIG_FILE))))


def _other_order(before: Value, config: Config, file: Path) -> list[str]:
    values = [(path, *(_of(data, path, default) for data in (before, config.data))) for path, default in _ORDER.items()]
    return [_described(path, old, new, config, file) for path, old, new in values if old != new]


def _other_images(saved: SavedState, num_images: int) -> list[str]:
    earlier = saved.state.num_images
    if earlier in (None, num_images):  # earlier versions did not save the number
        return []
    return [f"the dataset had {counted(earlier, 'image')} and has {num_images}"]


def _other_batch(before: Value, earlier_processes: int, config: Config, num_processes: int) -> list[str]:
    old = (
        _of(before, "data.train.batch_size", TrainingSplit.batch_size),
        _of(before, "training.accumulate", Training.accumulate),
        earlier_processes,
    )
    accumulate = _of(config.data, "training.accumulate", Training.accumulate)
    new = (_of(config.data, "data.train.batch_size", TrainingSplit.batch_size), accumulate, num_processes)
    images = old[0] * old[1] * old[2]
    if images == new[0] * new[1] * new[2]:
        return []
    batch_size, rest = divmod(images, accumulate * num_processes)
    remedy = f"; keep {images} with data.train.batch_size={batch_size}" if not rest else ""
    return [
        "images a step (data.train.batch_size x training.accumulate x processes): "
        f"{' x '.join(map(str, old))} -> {' x '.join(map(str, new))}{remedy}"
    ]


def _differences(before: Value, config: Config, file: Path) -> list[tuple[str, str]]:
    old, new = dict(leaves(before, "")), dict(leaves(config.data, ""))
    paths = [path for path in dict.fromkeys([*old, *new]) if old.get(path) != new.get(path)]
    return [(path, _described(path, old.get(path), new.get(path), config, file, as_yaml=True)) for path in paths]


def _described(path: str, old: Value, new: Value, config: Config, file: Path, as_yaml: bool = False) -> str:
    """Returns `path: old (file) -> new (place)`."""
    was, becomes = ("not set" if value is None else value if as_yaml else inline(value) for value in (old, new))
    place = config.path
    for key in (path, path.rpartition(".")[0]):
        try:
            place = config.origin(key)
            break
        except KeyError:
            continue
    return f"{path}: {was} ({file}) -> {becomes} ({place})"


def _of(data: Value, path: str, default: Value = None) -> Value:
    """Returns the value at a dotted path of mappings; the default where it is not set."""
    for key in path.split("."):
        data = data.get(key) if isinstance(data, dict) else None
    return default if data is None else data


def _is_free(path: str) -> bool:
    return path in COMPARED_ELSEWHERE or _lies_in(path, FREE)


def _lies_in(path: str, sections: Sequence[str]) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in sections)
