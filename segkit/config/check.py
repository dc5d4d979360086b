"""The whole config against the signatures of what it names, before anything is built; all problems at once."""

import re
from typing import Any

from segkit.config.nodes import Mapping, Node, Origin, Problem, ProblemsError, Scalar, Sequence, shown, spacing
from segkit.config.schema import Setting, item_settings, part_settings, section_settings
from segkit.config.sections import Experiment
from segkit.config.values import read_value
from segkit.errors import RegistryError, suggest
from segkit.registries import REGISTRIES
from segkit.registries.registry import Registry


def check(config: Mapping) -> dict[str, Any]:
    """The checked values of a config. Raises ConfigError with every problem there is."""
    checker = _Checker()
    data = checker.section(config, Experiment, "", config.origin)
    if checker.problems:
        raise ProblemsError(checker.problems)
    assert isinstance(data, dict)
    return data


class _Checker:
    """Walks the tree; what its methods return counts only while there are no problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def complain(self, origin: Origin, path: str, message: str) -> None:
        self.problems.append(Problem(origin, path, message))

    def section(self, node: Node, section: type, path: str, at: Origin) -> Any:
        """`at` is where the section's key stands, and thus where what it lacks is missed."""
        who = path or "a config"
        settings = section_settings(section)
        if not isinstance(node, Mapping):
            message = f"must be a mapping of {', '.join(settings)}, not {shown(node)}.{spacing(node)}"
            self.complain(node.origin, path, message)
            return None
        self.require(node, settings, who, path, at)
        return {key: self.setting(node, key, settings, who, path) for key in node.items}

    def parts(self, node: Node, registry: Registry[object], path: str) -> Any:
        if not isinstance(node, Sequence):
            example = f"[{{type: {_example(registry)}}}]"
            message = f"must be a list of {registry.plural_title}, such as {example}, not {shown(node)}.{spacing(node)}"
            self.complain(node.origin, path, message)
            return None
        items = item_settings(registry)
        return [self.part(item, registry, f"{path}.{index}", items) for index, item in enumerate(node.items)]

    def part(self, node: Node, registry: Registry[object], path: str, extra: dict[str, Setting]) -> Any:
        """`extra` are the settings that the part's holder reads itself."""
        if not isinstance(node, Mapping):
            example = f"{{type: {_written_name(node) or _example(registry)}}}"
            message = f"must be a mapping with a type, such as {example}, not {shown(node)}.{spacing(node)}"
            self.complain(node.origin, path, message)
            return None
        part = self.named(node, registry, path)
        if part is None:
            self.inside_unknown(node, registry, path)
            return None
        name = node.items["type"]
        who = f"{registry.title} {shown(name)}"
        settings = {**part_settings(registry, part), **extra}
        self.require(node, settings, who, path, name.origin)
        data = {"type": name.value}  # type: ignore[union-attr]
        for key in node.items:
            if key == "type":
                continue
            if key in registry.injected:
                message = f"segkit itself supplies the '{key}' of {registry.title_with_article}. Take this line out."
                self.complain(node.keys[key], _join(path, key), message)
            else:
                data[key] = self.setting(node, key, settings, who, path)
        return data

    def named(self, node: Mapping, registry: Registry[object], path: str) -> Any:
        """The part that `type` names, or None after complaining."""
        name = node.items.get("type")
        if name is None:
            there_are = ", ".join(registry.names())
            self.complain(node.origin, path, f"this {registry.title} has no type. Add one of: {there_are}")
            return None
        if not isinstance(name, Scalar) or not isinstance(name.value, str):
            message = f"must be the name of {registry.title_with_article}, not {shown(name)}."
            self.complain(name.origin, _join(path, "type"), message)
            return None
        try:
            return registry.get(name.value)
        except RegistryError as error:
            self.complain(name.origin, _join(path, "type"), f"{error}{_elsewhere(name.value, registry)}")
            return None

    def inside_unknown(self, node: Mapping, registry: Registry[object], path: str) -> None:
        """A part nobody knows may hold others, whose problems need not wait."""
        for key, nested in registry.nests.items():
            if isinstance(node.items.get(key), Mapping):
                self.part(node.items[key], nested, _join(path, key), {})

    def require(self, node: Mapping, settings: dict[str, Setting], who: str, path: str, at: Origin) -> None:
        for setting in settings.values():
            if setting.required and setting.name not in node.items:
                lost = node.dropped.get(setting.name)
                again = f" again: the new type has dropped that of {lost}" if lost else ""
                self.complain(at, path, f"{who} needs '{setting.name}', {setting.expected}. Add it{again}.")

    def setting(self, node: Mapping, key: str, settings: dict[str, Setting], who: str, path: str) -> Any:
        """The value under `key` of a section or part."""
        value, at, path = node.items[key], node.keys[key], _join(path, key)
        setting = settings.get(key)
        if setting is None:
            takes = f"It takes: {', '.join(settings)}" if settings else "It has no settings."
            remedy = _nested(key) if key.partition(".")[0] in settings else suggest(key, settings)
            self.complain(at, path, f"{who} takes no '{key}'.{remedy} {takes}")
            return None
        if setting.nullable and isinstance(value, Scalar) and value.value is None:
            return None
        if setting.registry is not None:
            return (
                self.parts(value, setting.registry, path)
                if setting.many
                else self.part(value, setting.registry, path, {})
            )
        if setting.section is not None:
            return self.section(value, setting.section, path, at)
        try:
            data, problems = read_value(value, setting.annotation(), path)
        except RegistryError as error:
            self.complain(at, path, str(error))
        except TypeError as error:
            message = f"{who} asks here for {error}, which YAML cannot give. Its author should annotate what YAML can."
            self.complain(at, path, message)
        else:
            self.problems += problems
            return data
        return None


def _written_name(node: Node) -> str:
    """The text of `node` where it could be a part's name, else empty."""
    text = node.value if isinstance(node, Scalar) and isinstance(node.value, str) else ""
    return text if re.fullmatch(r"[\w./-]+", text) else ""


def _nested(key: str) -> str:
    """The remedy for a key with dots, as the command line has them."""
    names = key.split(".")
    return f" Write {': {'.join(names)}: …{'}' * (len(names) - 1)}."


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _elsewhere(name: str, registry: Registry[object]) -> str:
    """A hint where the name is that of another kind of part."""
    others = [other.title_with_article for other in REGISTRIES if name in other.names()]
    return f". '{name}' is {' and '.join(others)}" if others and name not in registry.names() else ""


def _example(registry: Registry[object]) -> str:
    return next(iter(registry.names()), "name")
