"""Describe a part: what it does and every setting with type, default and documentation."""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from segkit.cli._arguments import add_kind_argument, add_plugin_argument, run_plugins_of
from segkit.registries import BY_KIND
from segkit.registries.docstrings import parameter_texts, summary_of, text_of
from segkit.registries.registry import Registry

if TYPE_CHECKING:
    from segkit.config.schema import Setting


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_kind_argument(parser)
    parser.add_argument("name", metavar="NAME", help="of a part, as `segkit list KIND` shows it")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    add_plugin_argument(parser)


@dataclass
class SettingDescription:
    name: str
    type: str
    """In words."""
    required: bool
    default: Any
    """Null where it is required."""
    documentation: str


@dataclass
class PartDescription:
    kind: str
    name: str
    provider: str
    version: str | None
    documentation: str
    settings: list[SettingDescription]


def run(arguments: argparse.Namespace) -> int:
    run_plugins_of(arguments)
    description = describe(BY_KIND[arguments.kind], arguments.name)
    if arguments.json:
        print(json.dumps(asdict(description), indent=2, ensure_ascii=False, default=repr))
    else:
        print(_text(description))
    return 0


def describe(registry: Registry[object], name: str) -> PartDescription:
    """Raises RegistryError where there is no such part, or its package fails to import."""
    from segkit.config.schema import item_settings, part_settings

    part = registry.get(name)
    candidate = registry.candidate(name)
    texts = parameter_texts(part) | {name: item.documentation for name, item in registry.item_settings.items()}
    text = text_of(part) or summary_of(part)
    settings = {**part_settings(registry, part), **item_settings(registry)}
    described = [_described(setting, texts) for setting in settings.values()]
    return PartDescription(registry.kind, candidate.name, candidate.provider, candidate.version, text, described)


def _described(setting: Setting, texts: dict[str, str]) -> SettingDescription:
    default = None if setting.required else setting.default
    bounds = f" ({', '.join(map(str, setting.bounds))})" if setting.bounds else ""
    text = texts.get(setting.name, "")
    return SettingDescription(setting.name, setting.expected + bounds, setting.required, default, text)


def _text(description: PartDescription) -> str:
    from segkit.config.source import inline

    width = min(shutil.get_terminal_size().columns, 120)
    provider = f"{description.provider} {description.version}" if description.version else description.provider
    lines = [f"{description.kind} '{description.name}' of {provider}", ""]
    if description.documentation:
        lines += [description.documentation, ""]
    if not description.settings:
        lines.append("It has no settings.")
    for setting in description.settings:
        default = "required" if setting.required else f"default {inline(setting.default)}"
        lines.append(f"{setting.name}: {setting.type}, {default}")
        lines += textwrap.wrap(setting.documentation, width, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)
