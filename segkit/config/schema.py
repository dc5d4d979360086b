"""Reads the settings of sections and parts from their signatures."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from types import NoneType
from typing import Any, get_args, get_type_hints

from segkit.config.nodes import Annotation, Value
from segkit.config.values import describe
from segkit.errors import RegistryError
from segkit.registries import BY_KIND, BY_PLURAL
from segkit.registries.registry import OuterSetting, Registry
from segkit.registries.signature import MISSING, Bounds, Part, after_star, annotation_of, before_star


@dataclass(frozen=True)
class Setting:
    """One setting. It holds a part of `registry` (if `many`, a list of parts), a `section` or a value."""

    name: str
    required: bool
    nullable: bool
    """Whether null is allowed in place of the part or section."""
    annotation: Callable[[], Annotation]
    """Returns the annotation of a value. Raises RegistryError if it cannot be resolved."""
    registry: Registry[object] | None = None
    many: bool = False
    section: type | None = None
    default: Value = MISSING

    @property
    def expected(self) -> str:
        """Describes what the setting takes: `a list of losses`, `a string or null`."""
        if self.registry is not None:
            return f"a list of {self.registry.plural_title}" if self.many else self.registry.title_with_article
        if self.section is not None:
            return "a mapping"
        try:
            return describe(self.annotation())
        except (RegistryError, TypeError):
            return "a value"

    @property
    def bounds(self) -> list[Bounds]:
        """The bounds of the numbers that the setting takes, each once."""
        try:
            return list(dict.fromkeys(_bounds_in(self.annotation())))
        except RegistryError:
            return []


def _bounds_in(annotation: Annotation) -> Iterator[Bounds]:
    if isinstance(annotation, Bounds):
        yield annotation
    for part in get_args(annotation):
        yield from _bounds_in(part)


@cache
def section_settings(section: type) -> dict[str, Setting]:
    """Returns the settings of a section: the fields of its dataclass."""
    settings = {}
    hints = get_type_hints(section, include_extras=True)
    for field in dataclasses.fields(section):
        hint = hints[field.name]
        registry, many = _held(field.name)
        settings[field.name] = Setting(
            field.name,
            required=field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
            nullable=NoneType in get_args(hint),
            annotation=partial(_itself, hint),
            registry=registry,
            many=many,
            # A section may be optional: `Data | None`.
            section=next((one for one in (hint, *get_args(hint)) if _is_section(one)), None),
            default=_default(field),
        )
    return settings


def sections_of(section: type) -> Iterator[type]:
    """Yields the sections inside a section, depth first."""
    for setting in section_settings(section).values():
        if setting.section is not None:
            yield setting.section
            yield from sections_of(setting.section)


def part_settings(registry: Registry[object], part: Part) -> dict[str, Setting]:
    """Returns the settings of a part.

    These are the parts that it takes before `*`, what follows `*` in its signature, and what every part of its kind
    has.
    """
    settings = {}
    for name, parameter in before_star(part).items():
        if name == registry.plural:
            settings[name] = Setting(name, True, False, partial(_itself, Any), registry, many=True)
        if name in registry.nests:
            # A nested part with a default of None may be left out or set to null.
            optional = parameter.default is not MISSING
            settings[name] = Setting(
                name, not optional, optional, partial(_itself, Any), registry.nests[name], default=parameter.default
            )
    for name, parameter in after_star(part).items():
        held, many = _held(name)
        required = parameter.default is MISSING
        annotation = partial(annotation_of, part, parameter)
        nullable = parameter.default is None
        settings[name] = Setting(name, required, nullable, annotation, held, many, default=parameter.default)
    return {**settings, **_outer(registry.common_settings)}


def item_settings(registry: Registry[object]) -> dict[str, Setting]:
    """Returns the settings that the holder of a list of parts reads from each item, such as `weight` of a loss."""
    return _outer(registry.item_settings)


def _outer(settings: dict[str, OuterSetting]) -> dict[str, Setting]:
    return {
        name: Setting(
            name, required=False, nullable=False, annotation=partial(_itself, outer.annotation), default=outer.default
        )
        for name, outer in settings.items()
    }


def _held(name: str) -> tuple[Registry[object] | None, bool]:
    """Returns the registry of the parts that a setting of this name holds, and whether it holds a list of them."""
    return BY_KIND.get(name) or BY_PLURAL.get(name), name in BY_PLURAL


def _default(field: dataclasses.Field[Value]) -> Value:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return MISSING if field.default is dataclasses.MISSING else field.default


def _is_section(hint: Annotation) -> bool:
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


def _itself(annotation: Annotation) -> Annotation:
    # For `partial`: a lambda in a loop would return the annotation of the last setting.
    return annotation
