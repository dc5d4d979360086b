"""Describe a part or a section of a config with all its settings, or a kind of part with its contract."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

from segkit.cli._arguments import add_plugin_argument, kind_of, run_plugins_of
from segkit.cli._part_template import PARTS
from segkit.errors import SegkitError, suggest, with_article
from segkit.registries import BY_KIND

if TYPE_CHECKING:
    from segkit.config.descriptions import ContractDescription, KindDescription, PartDescription, SectionDescription

EXAMPLE = re.compile(r"^Examples?:\n(?:[ \t]+.*\n?|\n)+", re.MULTILINE)
"""The section of a docstring that shows code: its heading and the indented lines below. docs/parts.md has these."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "subject",
        metavar="KIND|SECTION",
        help=f"a kind of part ({', '.join(BY_KIND)}), or a section of a config: config, data.train, training, …",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="the name of a part, as `segkit list KIND` shows it")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    add_plugin_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    run_plugins_of(arguments)
    from segkit.config.descriptions import KindDescription

    description = _describe(arguments.subject, arguments.name)
    if arguments.json:
        print(json.dumps(asdict(description), indent=2, ensure_ascii=False, default=repr))
    else:
        print(_lines_of_kind(description) if isinstance(description, KindDescription) else _text(description))
    return 0


def _describe(subject: str, name: str | None) -> PartDescription | SectionDescription | KindDescription:
    """Raises SegkitError if there is no such part, kind or section."""
    from segkit.config.descriptions import describe_kind, describe_part, describe_section, sections

    if name is None and subject in sections():
        return describe_section(subject)
    try:
        registry = BY_KIND[kind_of(subject)]
    except argparse.ArgumentTypeError:
        near = suggest(subject, [*BY_KIND, *sections()])
        raise SegkitError(
            f"there is no kind of part and no section '{subject}'.{near} "
            f"Kinds are: {', '.join(BY_KIND)}. Sections are: {', '.join(sections())}"
        ) from None
    if name is None:
        return describe_kind(registry)
    return describe_part(registry, name)


def _lines_of_kind(description: KindDescription) -> str:
    kind = description.kind
    lines = [*_contract_lines(f"the contract of {with_article(kind.replace('_', ' '))}", description.contract), ""]
    for optional in description.optional:
        lines += [*_contract_lines("optional", optional), ""]
    base = [f"derived from: {description.base}"] if description.base else []
    return "\n".join(
        [
            *lines,
            f"parameters before '*': {', '.join(description.supplied) or 'none'}; YAML sets those after it",
            *base,
            f"registered by: an entry point of the group {description.entry_points}, or "
            f'@{description.registry}.register("name")',
            f"checked by: {description.check}",
            *([f"a new one: segkit new-plugin NAME --kind {kind}"] if kind in PARTS else []),
            f"there are: {', '.join(description.parts)}",
        ]
    )


def _contract_lines(words: str, contract: ContractDescription) -> list[str]:
    lines = [f"{words}, {contract.contract}", "", contract.documentation, ""]
    for member in contract.members:
        lines += [member.spelling, textwrap.indent(member.documentation, "    ")]
    return lines


def _text(description: PartDescription | SectionDescription) -> str:
    from segkit.config.descriptions import PartDescription
    from segkit.config.source import inline

    width = min(shutil.get_terminal_size().columns, 120)
    if isinstance(description, PartDescription):
        provider = f"{description.provider} {description.version}" if description.version else description.provider
        lines = [f"{description.kind} '{description.name}' of {provider}", ""]
    else:
        lines = [f"section '{description.section}'", ""]
    summary, _, details = description.documentation.partition("\n\n")
    if summary:
        lines += [summary, ""]
    if not description.settings:
        lines.append("It has no settings.")
    for setting in description.settings:
        default = "required" if setting.required else f"default {inline(setting.default)}"
        lines.append(f"{setting.name}: {setting.type}, {default}")
        lines += textwrap.wrap(setting.documentation, width, initial_indent="    ", subsequent_indent="    ")
    # The settings are what one looks for, so all other text follows them.
    details = EXAMPLE.sub("", details).strip()
    if details:
        lines += ["", details]
    return "\n".join(lines)
