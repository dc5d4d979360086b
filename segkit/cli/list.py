"""List the available parts: those of segkit and of installed packages."""

import argparse
import dataclasses
import json

from segkit.cli._arguments import add_kind_argument, add_plugin_argument, run_plugins_of
from segkit.cli._table import aligned
from segkit.registries import BY_KIND, REGISTRIES
from segkit.registries.registry import Entry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_kind_argument(parser, nargs="?")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    add_plugin_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    run_plugins_of(arguments)
    registries = [BY_KIND[arguments.kind]] if arguments.kind else REGISTRIES
    entries = [entry for registry in registries for entry in registry.entries()]
    if arguments.json:
        print(json.dumps([dataclasses.asdict(entry) for entry in entries], indent=2, ensure_ascii=False))
    else:
        _print_table(entries)
    return 0


def _print_table(entries: list[Entry]) -> None:
    rows = [(entry.kind, entry.name, _provider(entry), _description(entry)) for entry in entries]
    for line in aligned([("KIND", "NAME", "FROM", "DESCRIPTION"), *rows]):
        print(line)


def _provider(entry: Entry) -> str:
    return f"{entry.provider} {entry.version}" if entry.version else entry.provider


def _description(entry: Entry) -> str:
    return f"BROKEN: {entry.defect}" if entry.defect else entry.description
