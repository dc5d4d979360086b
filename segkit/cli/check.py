"""Check configs without their data, or with --data all images and targets of a config: print all problems."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from segkit.cli._arguments import add_trust_arguments
from segkit.cli._exit_codes import DONE, FAILED
from segkit.cli._types import not_empty
from segkit.errors import ConfigError, SegkitError, counted

if TYPE_CHECKING:
    from segkit.config import Config
    from segkit.inspection.data_check import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        metavar="CONFIG",
        nargs="+",
        help="a YAML file, or the folder of a run or checkpoint; key=value overrides a setting of every config",
    )
    # `main` appends the words behind an option to `overrides`. argparse does not collect them.
    parser.set_defaults(overrides=[])
    parser.add_argument(
        "--data", action="store_true", help="read all images and targets of data.train and data.val as well"
    )
    parser.add_argument(
        "--html",
        type=not_empty,
        metavar="FILE",
        help="with --data: the page with all problems and the worst images (default: NAME_data.html for NAME.yaml "
        "and for NAME/config.yaml)",
    )
    add_trust_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Returns exit code 1 if any config, or the data of any, is wrong."""
    from segkit.config import load_config
    from segkit.training.refusals import refusals
    from segkit.training.repeated_datasets import repeated_datasets
    from segkit.training.unreached import unreached

    words = [*arguments.words, *arguments.overrides]
    overrides = [word for word in words if _is_override(word)]
    configs = [word for word in words if word not in overrides]
    if not configs:
        raise SegkitError(f"'{words[0]}' is an override. Name a config as well.")
    _refuse_useless_html(arguments, configs)
    wrong = 0
    for name in configs:
        try:
            config = load_config(name, overrides, arguments.plugins, trust=arguments.trust)
            problems = refusals(config, begun=os.path.isdir(name))
        except ConfigError as error:
            problems = str(error).splitlines()
        if problems:
            print(*problems, f"{name}: {counted(problems, 'problem')}", sep="\n")
            wrong += 1
            continue
        for note in [*unreached(config), *repeated_datasets(config)]:
            print(f"{name}: note: {note}")
        print(f"{name}: OK")
        if arguments.data:
            wrong += not _check_data(config, name, Path(arguments.html) if arguments.html else _free_page(name))
    return FAILED if wrong else DONE


def _check_data(config: Config, name: str, page: Path) -> bool:
    """Reads and reports the data of a config. Returns whether they can be used."""
    from segkit.cli._data_report import report_lines
    from segkit.inspection.data_check import check_data
    from segkit.inspection.data_page import write_data_page

    with _progress_bar() as progress:
        check = check_data(config, progress)
    for line in report_lines(check):
        print(line)
    write_data_page(page, _title(name), check)
    levels = [counted(count, level) for level, count in check.counts().items()]
    print(f"{name}: data: {', '.join(levels)}. All of them, with images: {page}")
    return not check.counts()["error"]


@contextmanager
def _progress_bar() -> Iterator[Progress]:
    """Shows a bar for each dataset on a terminal; yields what advances it."""
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    console = Console(markup=False)
    tasks: dict[str, TaskID] = {}
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:

        def advance(split: str, images: int, total: int) -> None:
            if split not in tasks:
                tasks[split] = bar.add_task(f"reading {split}", total=total)
            bar.advance(tasks[split], images)

        yield advance


def _refuse_useless_html(arguments: argparse.Namespace, configs: list[str]) -> None:
    if arguments.html and not arguments.data:
        raise SegkitError("--html: no effect without --data. Add --data, or leave out --html.")
    if arguments.html and len(configs) > 1:
        raise SegkitError(f"--html: {len(configs)} configs cannot have one page. Check them one by one.")


def _title(name: str) -> str:
    return f"Data of {name}"


def _free_page(name: str) -> Path:
    """Returns a page in the working directory that does not exist, or that an earlier check of this config has written.

    Configs that `segkit init-data` writes are named by their folders, since they differ by these alone.
    """
    from segkit.inspection.data_page import is_data_page
    from segkit.starter.files import CONFIG

    config = Path(name).resolve()
    stem = config.parent.name if config.name == CONFIG else config.stem
    pages = (Path(f"{stem}_data{end}.html") for end in chain([""], map("_{}".format, count(2))))
    return next(page for page in pages if not page.exists() or is_data_page(page, _title(name)))


def _is_override(word: str) -> bool:
    """Folders of sweeps have names like `seed=1`, so a word that exists is a config, and so is a missing YAML file."""
    from segkit.config.sections import Experiment

    if "=" not in word or os.path.exists(word):
        return False
    section = word.partition("=")[0].partition(".")[0]
    return not word.endswith((".yaml", ".yml")) or section in {field.name for field in fields(Experiment)}
