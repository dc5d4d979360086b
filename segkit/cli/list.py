"""List the parts there are: segkit's own and those of installed packages."""

import argparse
import dataclasses
import json

from segkit.errors import suggest
from segkit.registries import BY_KIND, BY_PLURAL, REGISTRIES
from segkit.registry import Entry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = ", ".join(BY_KIND)
    parser.add_argument("kind", metavar="KIND", nargs="?", type=_kind, help=f"only this kind of part: {kinds}")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def run(arguments: argparse.Namespace) -> int:
    registries = [BY_KIND[arguments.kind]] if arguments.kind else REGISTRIES
    entries = [entry for registry in registries for entry in registry.entries()]
    if arguments.json:
        print(json.dumps([dataclasses.asdict(entry) for entry in entries], indent=2, ensure_ascii=False))
    else:
        _print_table(entries)
    return 0


def _kind(text: str) -> str:
    """Singular, plural and spelling with '-' alike."""
    name = text.replace("-", "_")
    if name in BY_PLURAL:
        return BY_PLURAL[name].kind
    if name not in BY_KIND:
        raise argparse.ArgumentTypeError(
            f"there is no kind of part '{text}'.{suggest(name, BY_KIND)} There are: {', '.join(BY_KIND)}"
        )
    return name


def _print_table(entries: list[Entry]) -> None:
    rows = [(entry.kind, entry.name, _provider(entry), _says(entry)) for entry in entries]
    table = [("KIND", "NAME", "FROM", "DESCRIPTION"), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[3]]).rstrip())


def _provider(entry: Entry) -> str:
    return f"{entry.provider} {entry.version}" if entry.version else entry.provider


def _says(entry: Entry) -> str:
    return f"BROKEN: {entry.defect}" if entry.defect else entry.description
