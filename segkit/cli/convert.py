"""Convert a checkpoint of another program to segkit, or one of segkit to a format of another program."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from segkit.cli._arguments import add_override_arguments, run_plugins_of
from segkit.cli._types import not_empty
from segkit.errors import CheckpointError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a checkpoint of another program: a file, a folder or a name on the Hugging Face hub; or, with --to, a "
        "checkpoint of segkit",
    )
    parser.add_argument("destination", type=not_empty, metavar="DEST", help="the folder to write; new or empty")
    add_override_arguments(parser)
    parser.add_argument(
        "--format",
        type=not_empty,
        metavar="NAME",
        help="the format of SOURCE, as `segkit list checkpoint_format` names it (default: the one that recognizes it)",
    )
    parser.add_argument("--to", type=not_empty, metavar="NAME", help="write a checkpoint of segkit in this format")
    parser.add_argument(
        "--config", type=not_empty, metavar="CONFIG", help="the config of a checkpoint of tensors alone"
    )
    parser.add_argument(
        "--classes",
        type=not_empty,
        metavar="FILE",
        help="the class list of a file of tensors alone (default: that of the config's dataset)",
    )
    parser.add_argument(
        "--things",
        nargs="*",
        metavar="CLASS",
        help="the classes that are things, where the checkpoint does not tell (default: as in a label set of the same "
        "classes, such as COCO's or ADE20K's)",
    )


def run(arguments: argparse.Namespace) -> int:
    from segkit.checkpoint import refuse_taken

    destination = Path(arguments.destination)
    # Before anything slow: reading a checkpoint can take minutes.
    refuse_taken(destination)
    _refuse_without_effect(arguments)
    run_plugins_of(arguments)
    notes = _import(arguments, destination) if arguments.to is None else _export(arguments, destination)
    for note in notes:
        print(f"note: {note}")
    print(f"written: {destination}")
    return 0


def _export(arguments: argparse.Namespace, destination: Path) -> list[str]:
    from segkit.interop.converting import export_checkpoint

    return export_checkpoint(arguments.source, destination, arguments.to, arguments.plugins, arguments.trust)


def _import(arguments: argparse.Namespace, destination: Path) -> list[str]:
    from segkit.checkpoint import save_checkpoint
    from segkit.config import load_config
    from segkit.data.class_list import read_classes
    from segkit.interop.converting import reader_of
    from segkit.runtime.checkpoint_source import CheckpointSource

    source = CheckpointSource(arguments.source)
    # Before the config is loaded: a format may take none.
    reader = reader_of(source, arguments.format, _given(arguments))
    options: dict[str, Any] = {}
    if arguments.config is not None:
        options["config"] = load_config(arguments.config, arguments.overrides, arguments.plugins, trust=arguments.trust)
    if arguments.classes is not None:
        options["classes"] = read_classes(Path(arguments.classes))
    if arguments.things is not None:
        options["things"] = arguments.things
    imported = reader.read(source, **options)
    save_checkpoint(destination, imported.model, imported.config, imported.classes)
    print(imported.report)
    return imported.notes


def _given(arguments: argparse.Namespace) -> list[str]:
    """The options of a format's `read` that are given. Without a name behind --things, no class is a thing."""
    return [name for name in ("config", "classes", "things") if getattr(arguments, name) is not None]


def _refuse_without_effect(arguments: argparse.Namespace) -> None:
    """Raises CheckpointError where options have no effect beside the others."""
    overrides = ["key=value"] if arguments.overrides else []
    if arguments.to is not None:
        useless = [f"--{name}" for name in _given(arguments)] + overrides
        useless += ["--format"] if arguments.format is not None else []
        reason = "With --to, the source is a checkpoint of segkit, which holds its config and classes."
    else:
        useless = overrides if arguments.config is None else []
        reason = "Overrides change the config, and --config names none."
    if useless:
        raise CheckpointError(f"{arguments.source}: {reason} Leave out: {', '.join(useless)}.")
