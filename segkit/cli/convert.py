"""Convert a checkpoint of the original MaskFormer or of Hugging Face to segkit, or one of segkit to Hugging Face."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segkit.cli._arguments import add_override_arguments
from segkit.cli._types import not_empty

FOR_ORIGINAL = ("--config", "--classes", "--plugin", "key=value")
"""What only an original checkpoint needs."""

if TYPE_CHECKING:
    from segkit.classes import Classes
    from segkit.config import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="an original checkpoint (.pkl, .pth); a folder or hub name of transformers; or, with --to, a checkpoint "
        "of segkit",
    )
    parser.add_argument("destination", type=not_empty, metavar="DEST", help="the folder to write; new or empty")
    add_override_arguments(parser)
    parser.add_argument("--to", choices=["huggingface"], help="write a checkpoint of segkit for transformers")
    parser.add_argument("--config", type=not_empty, metavar="CONFIG", help="the config of an original checkpoint")
    parser.add_argument(
        "--classes",
        type=not_empty,
        metavar="FILE",
        help="the class names of an original checkpoint (default: those of the config's dataset)",
    )
    parser.add_argument(
        "--things",
        nargs="*",
        metavar="CLASS",
        help="the classes of a checkpoint of transformers that are things (default: as in a label set of the same "
        "classes, such as COCO's or ADE20K's, or else all)",
    )


def run(arguments: argparse.Namespace) -> int:
    from segkit.checkpoint import refuse_taken

    destination = Path(arguments.destination)
    # Before anything slow: reading a checkpoint can take minutes.
    refuse_taken(destination)
    if arguments.to == "huggingface":
        _refuse_options(arguments, (*FOR_ORIGINAL, "--things"), "A checkpoint of segkit holds its config and classes.")
        from segkit.interop.huggingface import export_huggingface

        export_huggingface(arguments.source, destination, arguments.plugins, arguments.trust)
    elif Path(arguments.source).is_file():
        _refuse_options(arguments, ("--things",), "The class list says which classes are things.")
        _from_original(arguments, destination)
    else:
        _refuse_options(arguments, FOR_ORIGINAL, "A checkpoint of transformers holds its config and classes.")
        _from_huggingface(arguments.source, destination, arguments.things)
    print(f"written: {destination}")
    return 0


def _from_original(arguments: argparse.Namespace, destination: Path) -> None:
    from segkit.checkpoint import save_checkpoint
    from segkit.config import load_config
    from segkit.errors import CheckpointError
    from segkit.interop.original import import_original

    if arguments.config is None:
        raise CheckpointError(
            f"{arguments.source}: an original checkpoint holds only tensors. Give the config of its model, such as "
            "--config configs/mask_former/ade20k_r50.yaml."
        )
    config = load_config(arguments.config, arguments.overrides, arguments.plugins, trust=arguments.trust)
    classes = _classes(config, arguments)
    model, report = import_original(arguments.source, config, classes)
    save_checkpoint(destination, model, config, classes)
    print(report)


def _from_huggingface(source: str, destination: Path, things: Sequence[str] | None) -> None:
    from segkit.checkpoint import save_checkpoint
    from segkit.interop.huggingface import import_huggingface

    imported = import_huggingface(source, things)
    save_checkpoint(destination, imported.model, imported.config, imported.classes)
    print(imported.report)
    for note in imported.notes:
        print(f"note: {note}")


def _classes(config: Config, arguments: argparse.Namespace) -> Classes:
    """Returns the classes of the given file, else of the config's dataset, else numbered ones."""
    from segkit.build import dataset_classes
    from segkit.classes import Classes
    from segkit.data.class_list import read_classes
    from segkit.errors import ConfigError, DataError
    from segkit.interop.original import count_classes

    if arguments.classes is not None:
        return read_classes(Path(arguments.classes))
    try:
        return dataset_classes(config)
    except (ConfigError, DataError) as error:
        # The class head of the checkpoint shows how many there are.
        count = count_classes(arguments.source)
        print(f"note: the {count} classes are numbered, because their names are not known: {error}")
        print("note: for names, provide the dataset, or convert again with --classes FILE")
        return Classes.make([f"class {index}" for index in range(count)])


def _refuse_options(arguments: argparse.Namespace, options: Sequence[str], reason: str) -> None:
    """Raises CheckpointError if some of these options are given, which have no effect."""
    from segkit.errors import CheckpointError

    given = {
        "--config": arguments.config,
        "--classes": arguments.classes,
        "--plugin": arguments.plugins,
        "key=value": arguments.overrides,
        "--things": arguments.things is not None,  # without a name, no class is a thing
    }
    useless = [option for option in options if given[option]]
    if useless:
        raise CheckpointError(f"{arguments.source}: {reason} Leave out: {', '.join(useless)}.")
