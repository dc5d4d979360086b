"""Describes parts, kinds of part and sections: what they do, their contracts, and every setting."""

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import getdoc

from segkit.config.nodes import Value
from segkit.config.schema import Setting, item_settings, part_settings, section_settings
from segkit.config.sections import Experiment
from segkit.registries.docstrings import field_texts, parameter_texts, summary_of, text_of
from segkit.registries.members import Member, members_of
from segkit.registries.registry import Registry


@dataclass
class SettingDescription:
    """One setting of a part or section."""

    name: str
    type: str
    """What it takes, in words, with its bounds."""
    required: bool
    default: Value
    """None if the setting is required."""
    documentation: str


@dataclass
class PartDescription:
    """A part and its settings."""

    kind: str
    name: str
    provider: str
    version: str | None
    documentation: str
    settings: list[SettingDescription]


@dataclass
class SectionDescription:
    """A section of a config and its settings."""

    section: str
    """The dotted path of its key; `config` for the whole config."""
    documentation: str
    settings: list[SettingDescription]


@dataclass
class ContractDescription:
    """A Protocol of what a part publishes and how it is called."""

    contract: str
    """Its full name."""
    documentation: str
    members: list[Member]


@dataclass
class KindDescription:
    """A kind of part: its contract, and how a part of it is registered."""

    kind: str
    plural: str
    contract: ContractDescription
    optional: list[ContractDescription]
    """What a part may publish besides."""
    supplied: list[str]
    """The parameters before `*`, which segkit supplies."""
    base: str | None
    """The class that a built part is an instance of; None = any."""
    entry_points: str
    """The group of entry points that declares parts of installed packages."""
    registry: str
    """What registers a part of a local file."""
    check: str
    """The function that checks a part."""
    parts: list[str]


def describe_kind(registry: Registry[object]) -> KindDescription:
    """Describes a kind of part.

    Example:
        >>> from segkit import LOSSES
        >>> describe_kind(LOSSES).check
        'segkit.testing.check_loss'
    """

    def described(contract: type) -> ContractDescription:
        name = f"segkit.registries.{contract.__name__}"
        return ContractDescription(name, getdoc(contract) or "", members_of(contract, registry.kind))

    return KindDescription(
        registry.kind,
        registry.plural,
        described(registry.contract),
        [described(one) for one in registry.optional],
        registry.supplied,
        registry.base,
        registry.group,
        f"segkit.{registry.plural.upper()}",
        f"segkit.testing.check_{registry.kind}",
        registry.names(),
    )


def describe_part(registry: Registry[object], name: str) -> PartDescription:
    """Describes a part. Raises RegistryError if it does not exist or its package fails to import.

    Example:
        >>> from segkit import LOSSES
        >>> [setting.name for setting in describe_part(LOSSES, "dice").settings]
        ['weight']
    """
    part = registry.get(name)
    candidate = registry.candidate(name)
    texts = parameter_texts(part) | {name: outer.documentation for name, outer in registry.outer_settings.items()}
    text = text_of(part) or summary_of(part)
    settings = {**part_settings(registry, part), **item_settings(registry)}
    described = [_described(setting, texts) for setting in settings.values()]
    return PartDescription(registry.kind, candidate.name, candidate.provider, candidate.version, text, described)


def describe_section(path: str) -> SectionDescription:
    """Describes the section at a path, one of those that `sections` returns.

    Example:
        >>> describe_section("training").settings[0].type
        'an integer (at least 1)'
    """
    section = sections()[path]
    texts = field_texts(section)
    # Without the section itself and `object`.
    for base in section.__mro__[1:-1]:  # fields that a section inherits are documented there
        texts = field_texts(base) | texts
    settings = [_described(setting, texts) for setting in section_settings(section).values()]
    return SectionDescription(path, summary_of(section), settings)


def sections() -> dict[str, type]:
    """Returns the sections of a config by the dotted path of their key; the whole config is `config`."""
    return {"config": Experiment, **dict(_inside(Experiment, ""))}


def _inside(section: type, path: str) -> Iterator[tuple[str, type]]:
    for name, setting in section_settings(section).items():
        if setting.section is not None:
            yield f"{path}{name}", setting.section
            yield from _inside(setting.section, f"{path}{name}.")


def _described(setting: Setting, texts: dict[str, str]) -> SettingDescription:
    default = None if setting.required else setting.default
    bounds = f" ({', '.join(map(str, setting.bounds))})" if setting.bounds else ""
    text = texts.get(setting.name, "")
    return SettingDescription(setting.name, setting.expected + bounds, setting.required, default, text)
