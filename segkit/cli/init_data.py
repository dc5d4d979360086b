"""Look at a folder of images and annotations, and write a config that trains on it."""

import argparse
import sys
from pathlib import Path

from segkit.cli._types import not_empty
from segkit.errors import SegkitError
from segkit.runtime.shipped import is_shipped


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER", help="the folder with images and annotations")
    parser.add_argument(
        "--output",
        type=not_empty,
        metavar="DIR",
        help="where data.yaml and config.yaml are written (default: ./NAME of the folder, or ./NAME_config if this is "
        "the folder itself)",
    )
    parser.add_argument(
        "--type", type=not_empty, metavar="TYPE", help="how to read the annotations, if several types can"
    )
    parser.add_argument(
        "--task", choices=["semantic", "instance", "panoptic"], help="what to learn, if the annotations allow several"
    )
    parser.add_argument(
        "--classes",
        type=not_empty,
        metavar="NAMES",
        help="the class names, separated by commas, or a file that lists them, for annotations without names",
    )


def run(arguments: argparse.Namespace) -> int:
    from segkit.datasets._layouts import TYPES
    from segkit.datasets._proposal import Wishes
    from segkit.runtime.terminal_lines import fitted_to
    from segkit.runtime.writing import replace_file
    from segkit.starter.files import CONFIG, DATA, files_of
    from segkit.starter.findings import look_at

    if arguments.type not in (None, *TYPES):
        raise SegkitError(f"--type: '{arguments.type}' is none of {', '.join(TYPES)}. Choose one of these.")
    output = Path(arguments.output) if arguments.output else _default_output(Path(arguments.folder))
    present = [str(output / name) for name in (DATA, CONFIG) if (output / name).exists()]
    if present:
        raise SegkitError(f"{' and '.join(present)}: exists already. Give another --output, or remove the files first.")
    findings = look_at(arguments.folder, arguments.type, Wishes(arguments.task, _classes(arguments.classes)))
    for line in findings.lines():
        print(fitted_to(sys.stdout, line))
    for name, text in files_of(findings, output).items():
        with replace_file(output / name) as draft:
            draft.write_text(text, encoding="utf-8")
    print(f"wrote {output / DATA} and {output / CONFIG}")
    print("next:")
    print(f"  segkit check --data {output / CONFIG}")
    print(f"  segkit train {output / CONFIG} --output runs/{output.name}")
    return 0


def _default_output(folder: Path) -> Path:
    name = folder.resolve().name or "data"
    return Path(name) if Path(name).resolve() != folder.resolve() else Path(f"{name}_config")


def _classes(given: str | None) -> list[str] | str | None:
    if given is None or is_shipped(given):
        return given
    if Path(given).is_file():
        return str(Path(given).absolute())
    return [name.strip() for name in given.split(",") if name.strip()]
