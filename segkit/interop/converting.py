"""Converts checkpoints by the registered formats: finds the one of a source, reads it, and writes others."""

import inspect
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from segkit.build import build_part, with_pixel_values
from segkit.checkpoint import (
    WEIGHTS_FILE,
    find_checkpoint,
    load_checkpoint,
    read_config,
    refuse_taken,
    replace_checkpoint,
)
from segkit.config import CONFIG_FILE
from segkit.errors import CheckpointError, RegistryError
from segkit.interop.huggingface.model_card import write_card
from segkit.interop.lost_settings import lost_settings
from segkit.registries import CHECKPOINT_FORMATS, CheckpointFormat, Imported, WritingFormat
from segkit.runtime.checkpoint_source import CONFIG, CheckpointSource
from segkit.types import pixel_format_of


def find_format(source: CheckpointSource) -> str:
    """Returns the name of the format that recognizes the source; every installed one is asked.

    Raises:
        CheckpointError: none does, or several do. The message lists what was looked for.

    Example:
        >>> find_format(CheckpointSource("no_such_folder"))
        Traceback (most recent call last):
            ...
        segkit.errors.CheckpointError: no_such_folder: there is no such file or folder, and it does not name a \
repository on the Hugging Face hub, such as facebook/maskformer-swin-tiny-ade.
    """
    source.require_existing()
    found: list[str] = []
    looked: list[str] = []
    for candidate in CHECKPOINT_FORMATS.candidates():
        try:
            one = build_part(CHECKPOINT_FORMATS, {"type": candidate.qualified})
        except RegistryError as error:  # a broken plugin harms nobody who does not need it
            looked.append(f"{candidate.name}: not asked: {error}")
            continue
        looked.append(f"{candidate.name}: {one.looks_for}")
        if one.recognizes(source):
            found.append(candidate.qualified if _is_shared(candidate.name) else candidate.name)
    if len(found) > 1:
        raise CheckpointError(
            f"{source}: is recognized by several formats: {', '.join(found)}. Choose one with --format."
        )
    if not found:
        raise CheckpointError(_unrecognized(source, looked))
    return found[0]


def _is_shared(name: str) -> bool:
    return sum(candidate.name == name for candidate in CHECKPOINT_FORMATS.candidates()) > 1


def _unrecognized(source: CheckpointSource, looked: Sequence[str]) -> str:
    reasons = "".join(f" {problem[0].upper()}{problem[1:]}." for problem in source.problems)
    remedy = "Give such a checkpoint, name its format with --format, or install the package that reads it."
    if (source.path / WEIGHTS_FILE).is_file() and (source.path / CONFIG_FILE).is_file():
        remedy = "It is a checkpoint of segkit: --to NAME writes it in another format."
    lines = [f"{source}: is a checkpoint of no known format.{reasons} These were looked for:"]
    return "\n".join([*lines, *(f"  {line}" for line in looked), remedy])


def reader_of(source: CheckpointSource, name: str | None, options: Sequence[str]) -> CheckpointFormat:
    """Returns the format that reads a source.

    Args:
        source: The checkpoint.
        name: Of the format; None for the one that recognizes the source.
        options: Those of `config`, `classes` and `things` that will be given to its `read`.

    Raises:
        CheckpointError: no format recognizes the source, or the format does not take an option.
        RegistryError: there is no such format.

    Example:
        >>> reader_of(CheckpointSource("configs"), "huggingface_mask_former", ["config"])
        Traceback (most recent call last):
            ...
        segkit.errors.CheckpointError: configs: checkpoints of the format 'huggingface_mask_former' hold what these \
options tell. Leave out: --config.
    """
    source.require_existing()
    name = name or find_format(source)
    reader = _format(name)
    taken = inspect.signature(reader.read).parameters
    useless = [f"--{option}" for option in options if option not in taken]
    if useless:
        raise CheckpointError(
            f"{source}: checkpoints of the format '{name}' hold what these options tell. Leave out: "
            f"{', '.join(useless)}."
        )
    return reader


def import_checkpoint(source: str | Path, name: str | None = None, **options: Any) -> Imported:
    """Reads a checkpoint of another program.

    Args:
        source: A file, a folder, or the name of a repository on the Hugging Face hub.
        name: Of the format; None for the one that recognizes the source.
        **options: Those of `config`, `classes` and `things` that are given, as in `CheckpointFormat.read`.

    Raises:
        CheckpointError: as `reader_of`, or the checkpoint cannot be read.
        RegistryError: there is no such format.

    Example:
        >>> import_checkpoint("configs/quickstart.yaml", "original_mask_former", things=["sky"])
        Traceback (most recent call last):
            ...
        segkit.errors.CheckpointError: configs/quickstart.yaml: an original checkpoint holds only tensors. Give the \
config of its model, such as --config configs/mask_former/ade20k_r50.yaml.
    """
    looked_at = CheckpointSource(source)
    return reader_of(looked_at, name, list(options)).read(looked_at, **options)


def writing_format(name: str) -> WritingFormat:
    """Returns a format that can write.

    Raises:
        RegistryError: there is no such format, or it only reads. The message lists those that write.

    Example:
        >>> writing_format("original_mask_former")
        Traceback (most recent call last):
            ...
        segkit.errors.RegistryError: checkpoint format 'original_mask_former' only reads. \
These write: huggingface_mask_former
    """
    built = _format(name)
    if not isinstance(built, WritingFormat):
        raise RegistryError(
            f"checkpoint format '{name}' only reads. These write: {', '.join(writing_formats()) or 'none'}"
        )
    return built


def _format(name: str) -> CheckpointFormat:
    """Returns the format of a name. Where there is none, the error says where others come from."""
    try:
        return build_part(CHECKPOINT_FORMATS, {"type": name})
    except RegistryError as error:
        if any(name in (one.name, one.qualified) for one in CHECKPOINT_FORMATS.candidates()):
            raise
        raise RegistryError(
            f"{error}. Further formats come with packages of parts: install the package that provides '{name}'"
        ) from None


def writing_formats() -> list[str]:
    """Returns the names of all formats that can write."""
    names = []
    for candidate in CHECKPOINT_FORMATS.candidates():
        try:
            part: Any = CHECKPOINT_FORMATS.get(candidate.qualified)
        except RegistryError:  # told where the format is asked for
            continue
        if hasattr(part, "write"):
            names.append(candidate.name)
    return names


def export_checkpoint(
    checkpoint: str | Path,
    destination: str | Path,
    name: str,
    plugins: Sequence[str | PathLike[str]] = (),
    trust: bool = False,
) -> list[str]:
    """Writes a checkpoint of segkit in another format, and returns what a user should know.

    Args:
        checkpoint: A checkpoint folder, or a run folder, whose best checkpoint is taken.
        destination: The folder to write; new or empty.
        name: The format.
        plugins: Python files that the checkpoint's config may import.
        trust: Import all Python files that the checkpoint's config names as plugins.

    Raises:
        CheckpointError: the checkpoint cannot be loaded, its images are not RGB, the format has no such model, or
            `destination` is not empty. Then nothing is written.
        RegistryError: there is no such format, or it only reads.

    Example:
        >>> import tempfile
        >>> from segkit.build import build_model
        >>> from segkit.checkpoint import save_checkpoint
        >>> from segkit.classes import Classes
        >>> from segkit.config import load_config
        >>> parts = {"backbone": {"type": "timm", "name": "resnet18"}, "pixel_decoder": {"type": "fpn"}}
        >>> decoder = {"type": "standard", "num_layers": 1}
        >>> config = load_config({"model": {"type": "mask_former", **parts, "transformer_decoder": decoder}})
        >>> classes = Classes.make(["sky", "sea"])
        >>> folder = Path(tempfile.mkdtemp())
        >>> save_checkpoint(folder / "ours", build_model(config, classes), config, classes)
        >>> notes = export_checkpoint(folder / "ours", folder / "theirs", "huggingface_mask_former")
        >>> import_checkpoint(folder / "theirs").classes.names
        ('sky', 'sea')
    """
    refuse_taken(Path(destination))
    writer = writing_format(name)
    # The whole config: a format may write the weights of the losses too.
    config = read_config(find_checkpoint(checkpoint), plugins, trust)
    loaded = load_checkpoint(checkpoint, config=config)
    if not (pixels := pixel_format_of(loaded.model)).is_rgb:
        raise CheckpointError(
            f"{checkpoint}: its model takes images of {pixels}, but the image processors of other programs prepare RGB "
            "of 8 bits. It cannot be converted."
        )
    with replace_checkpoint(Path(destination)) as draft:
        notes = writer.write(loaded.model, loaded.config, loaded.classes, draft)
        again = writer.read(CheckpointSource(draft)).config
        notes = [*notes, *lost_settings(with_pixel_values(loaded.config, loaded.model), again, notes)]
        if (draft / CONFIG).is_file():  # a folder that transformers reads
            notes = [*notes, *write_card(draft, checkpoint, loaded.config, loaded.classes)]
        return notes
