"""Makes a JSON Schema of configs, for editors, from the same signatures that check them.

A file may leave out what the files it extends set, so the schema requires nothing except in items of lists, which are
never merged. It is draft 7, the version that the YAML support of editors understands.
"""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Literal, get_args

from segkit.config.nodes import Annotation, Value
from segkit.config.schema import Setting, item_settings, part_settings, section_settings, sections_of
from segkit.config.sections import EXTENDS, Experiment
from segkit.config.values import DICTS, LISTS, UNIONS, base_of
from segkit.errors import RegistryError
from segkit.registries import REGISTRIES
from segkit.registries.docstrings import field_texts, parameter_texts, summary_of
from segkit.registries.registry import Registry
from segkit.registries.signature import Bounds

Schema = dict[str, Value]

DRAFT = "http://json-schema.org/draft-07/schema#"
SCALARS = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def json_schema(on_broken: Callable[[RegistryError], None]) -> Schema:
    """Returns the schema of all that is installed.

    A part that fails to import is left out and its error passed to `on_broken`.
    """
    definitions = {section.__name__: _section(section) for section in sections_of(Experiment)}
    for registry in REGISTRIES:
        definitions |= _parts_of(registry, on_broken)
    top = _section(Experiment)
    top["properties"]["extends"] = {
        "description": EXTENDS,
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    }
    return {"$schema": DRAFT, "title": "segkit config", **top, "definitions": definitions}


def _section(section: type) -> Schema:
    texts = field_texts(section)
    properties = {name: _setting(setting, texts.get(name, "")) for name, setting in section_settings(section).items()}
    return {
        "description": summary_of(section),
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


def _parts_of(registry: Registry[object], on_broken: Callable[[RegistryError], None]) -> dict[str, Schema]:
    """Returns the definitions of a kind: each of its parts, any part as a value, and a list of complete parts."""
    extra = item_settings(registry)
    definitions: dict[str, Schema] = {}
    required: dict[str, list[str]] = {}
    for name in _spellings(registry):
        try:
            part = registry.get(name)
            settings = {**part_settings(registry, part), **extra}
        except RegistryError as error:
            on_broken(error)
            continue
        texts = parameter_texts(part) | {key: outer.documentation for key, outer in registry.outer_settings.items()}
        properties = {key: _setting(setting, texts.get(key, "")) for key, setting in settings.items()}
        definitions[f"{registry.plural}.{name}"] = {
            "description": summary_of(part),
            "properties": {"type": {"const": name}, **properties},
            "additionalProperties": False,
        }
        required[name] = [setting.name for setting in settings.values() if setting.required]
    return {**definitions, **_any_part(registry, definitions, required)}


def _any_part(
    registry: Registry[object], definitions: dict[str, Schema], required: dict[str, list[str]]
) -> dict[str, Schema]:
    """Returns the definitions of any part and of a list of parts.

    With a `type`, the settings must be those of that part. Without, any part's settings are allowed, since the `type`
    may be set in a file that this one extends.
    """
    keys = sorted({key for definition in definitions.values() for key in definition["properties"]})
    nested = {key: {"anyOf": [_reference(key), {"type": "null"}]} for key in registry.nests}
    if registry.composes:
        nested[registry.plural] = _reference(registry.plural)
    value: Schema = {
        "type": "object",
        "properties": {
            "type": {"description": f"name of {registry.title_with_article}", "enum": list(required)},
            **nested,
        },
        # Not `additionalProperties`, which sees only the properties that stand beside it, not those in `allOf`.
        "propertyNames": {"enum": keys},
        "allOf": [{"if": _is(name), "then": _reference(f"{registry.plural}.{name}")} for name in required],
    }
    needs = [{"if": _is(name), "then": {"required": keys}} for name, keys in required.items() if keys]
    item = {"allOf": [_reference(registry.kind), *needs], "required": ["type"]}
    return {registry.kind: value, registry.plural: {"type": "array", "items": item}}


def _is(name: str) -> Schema:
    return {"properties": {"type": {"const": name}}, "required": ["type"]}


def _spellings(registry: Registry[object]) -> list[str]:
    """Returns the names of all parts; a name with several providers is qualified with each: `acme-segkit/dice`."""
    entries = list(registry.entries())
    names = [entry.name for entry in entries]
    return [f"{entry.provider}/{entry.name}" if names.count(entry.name) > 1 else entry.name for entry in entries]


def _setting(setting: Setting, text: str) -> Schema:
    schema = _held(setting)
    if setting.nullable and "$ref" in schema:
        schema = {"anyOf": [schema, {"type": "null"}]}
    # Draft 7 ignores the siblings of "$ref", so a reference with a description is put into "allOf".
    notes: Schema = {"description": text} if text else {}
    if not setting.required and not dataclasses.is_dataclass(setting.default):
        notes["default"] = setting.default
    return {**notes, **({"allOf": [schema]} if notes and "$ref" in schema else schema)}


def _held(setting: Setting) -> Schema:
    if setting.registry is not None:
        return _reference(setting.registry.plural if setting.many else setting.registry.kind)
    if setting.section is not None:
        return _reference(setting.section.__name__)
    try:
        return _value(setting.annotation())
    except RegistryError:  # cannot be resolved: checking a config that sets it reports the error
        return {}


def _reference(definition: str) -> Schema:
    return {"$ref": f"#/definitions/{definition}"}


def _limits(bounds: Bounds) -> Schema:
    limits = {
        "minimum": bounds.least,
        "exclusiveMinimum": bounds.above,
        "maximum": bounds.most,
        "exclusiveMaximum": bounds.below,
    }
    return {name: limit for name, limit in limits.items() if limit is not None}


def _value(annotation: Annotation) -> Schema:
    """Returns the schema of an annotation; an empty one, which allows everything, if YAML cannot express it."""
    base = base_of(annotation)
    inner = get_args(annotation)
    if base is Annotated:
        bounds = [one for one in inner[1:] if isinstance(one, Bounds)]
        return {**_value(inner[0]), **(_limits(bounds[0]) if bounds else {})}
    if base in SCALARS:
        return {"type": SCALARS[base]}
    if base is Literal:
        return {"enum": list(inner)}
    if base in UNIONS:
        return {"anyOf": [_value(one) for one in inner]}
    if base is tuple and inner and inner[-1] is not Ellipsis:
        items = [_value(one) for one in inner]
        return {"type": "array", "items": items, "minItems": len(items), "maxItems": len(items)}
    if base is tuple or base in LISTS:
        return {"type": "array", **({"items": _value(inner[0])} if inner else {})}
    if base in DICTS:
        return {"type": "object", **({"additionalProperties": _value(inner[1])} if inner else {})}
    return {}
