"""Checks a whole config against the signatures of what it names, before anything is built."""

import re

from segkit.config.consistency import inconsistencies
from segkit.config.nodes import (
    COMMAND_LINE,
    Mapping,
    Node,
    Origin,
    Problem,
    Scalar,
    Sequence,
    Value,
    config_error,
    join_path,
    shown,
    spacing,
)
from segkit.config.schema import Setting, item_settings, part_settings, section_settings
from segkit.config.sections import Experiment
from segkit.config.values import read_value
from segkit.errors import RegistryError, suggest
from segkit.registries import REGISTRIES
from segkit.registries.registry import Registry
from segkit.registries.signature import Part


def check(config: Mapping, saved: bool = False) -> dict[str, Value]:
    """Returns the checked values of a config.

    Args:
        config: The composed config.
        saved: Whether it belongs to a run or checkpoint. An earlier version may have accepted settings without effect,
            so these are refused only if the command line adds them.

    Raises:
        ConfigError: something is wrong. The message has one line per problem.
    """
    checker = _Checker(saved)
    data = checker.section(config, Experiment, "", config.origin)
    wrong = [problem.path for problem in checker.problems]
    for problem in inconsistencies(config):
        # A rule compares values. If one of them is wrong by itself, that is the problem to report.
        inside = any(path == problem.path or path.startswith(f"{problem.path}.") for path in wrong)
        if not inside and (problem.origin == COMMAND_LINE or not saved):
            checker.problems.append(problem)
    if checker.problems:
        raise config_error(checker.problems)
    assert isinstance(data, dict)
    return data


class _Checker:
    """Walks the tree and collects problems. The values that its methods return are valid only if there are none."""

    def __init__(self, saved: bool) -> None:
        self.problems: list[Problem] = []
        self._saved = saved

    def report(self, origin: Origin, path: str, message: str) -> None:
        self.problems.append(Problem(origin, path, message))

    def section(self, node: Node, section: type, path: str, key: Origin) -> Value:
        """Checks a section. Missing settings are reported at its `key`, since the section may have no lines itself."""
        owner = path or "a config"
        settings = section_settings(section)
        if not isinstance(node, Mapping):
            message = f"must be a mapping with the keys {', '.join(settings)}, not {shown(node)}.{spacing(node)}"
            self.report(node.origin, path, message)
            return None
        self.require(node, settings, owner, path, key)
        return {key: self.setting(node, key, settings, owner, path) for key in node.items}

    def parts(self, node: Node, registry: Registry[object], path: str) -> Value:
        if not isinstance(node, Sequence):
            example = f"[{{type: {_example(registry)}}}]"
            message = f"must be a list of {registry.plural_title}, such as {example}, not {shown(node)}.{spacing(node)}"
            self.report(node.origin, path, message)
            return None
        items = item_settings(registry)
        return [self.part(item, registry, f"{path}.{index}", items) for index, item in enumerate(node.items)]

    def part(self, node: Node, registry: Registry[object], path: str, extra: dict[str, Setting]) -> Value:
        """Checks a part. `extra` are settings in its mapping that belong to the holder of the part."""
        if not isinstance(node, Mapping):
            example = f"{{type: {_name_in(node) or _example(registry)}}}"
            message = f"must be a mapping with a type, such as {example}, not {shown(node)}.{spacing(node)}"
            self.report(node.origin, path, message)
            return None
        name = node.items.get("type")
        part = self.named(node, registry, path)
        if part is None or not isinstance(name, Scalar):
            self.nested(node, registry, path)
            return None
        owner = f"{registry.title} {shown(name)}"
        settings = {**part_settings(registry, part), **extra}
        self.require(node, settings, owner, path, name.origin)
        data = {"type": name.value}
        for key in node.items:
            # Checked before `settings`: a plain "takes no 'num_classes'" would hide that the part does take it.
            if key in registry.injected:
                message = f"segkit supplies '{key}' of {registry.title_with_article} itself. Remove this line."
                self.report(node.keys[key], join_path(path, key), message)
            elif key != "type":
                data[key] = self.setting(node, key, settings, owner, path)
        return data

    def named(self, node: Mapping, registry: Registry[object], path: str) -> Part | None:
        """Returns the part that `type` names; reports a problem and returns None if there is none."""
        name = node.items.get("type")
        if name is None:
            there_are = ", ".join(registry.names())
            self.report(node.origin, path, f"this {registry.title} has no type. Add one of: {there_are}")
            return None
        if not isinstance(name, Scalar) or not isinstance(name.value, str):
            message = f"must be the name of {registry.title_with_article}, not {shown(name)}."
            self.report(name.origin, join_path(path, "type"), message)
            return None
        try:
            return registry.get(name.value)
        except RegistryError as error:
            hint = _other_kinds(name.value, registry)
            if self._saved and name.origin != COMMAND_LINE and name.value not in registry.names():
                hint += (
                    ". The package that provided it is not installed: `plugins` in the run's environment.json names it"
                )
            self.report(name.origin, join_path(path, "type"), f"{error}{hint}")
            return None

    def nested(self, node: Mapping, registry: Registry[object], path: str) -> None:
        """Checks the parts inside an unknown part, so that their problems are reported in the same run."""
        for key, nested in registry.nests.items():
            if isinstance(node.items.get(key), Mapping):
                self.part(node.items[key], nested, join_path(path, key), {})
        if registry.composes and isinstance(node.items.get(registry.plural), Sequence):
            self.parts(node.items[registry.plural], registry, join_path(path, registry.plural))

    def require(self, node: Mapping, settings: dict[str, Setting], owner: str, path: str, at: Origin) -> None:
        """Reports the required settings that are missing, at `at`."""
        for setting in settings.values():
            if setting.required and setting.name not in node.items:
                dropped = node.dropped.get(setting.name)
                again = f" again: the new type replaced the mapping that set it in {dropped}" if dropped else ""
                self.report(at, path, f"{owner} needs '{setting.name}', {setting.expected}. Add it{again}.")

    def setting(self, node: Mapping, key: str, settings: dict[str, Setting], owner: str, path: str) -> Value:
        """Checks the value under `key` of a section or part."""
        value, at, path = node.items[key], node.keys[key], join_path(path, key)
        setting = settings.get(key)
        if setting is None:
            known = f"It takes: {', '.join(settings)}" if settings else "It has no settings."
            # `backbone.name: x` in a file was likely copied from a command line.
            remedy = _nested_spelling(key) if key.partition(".")[0] in settings else suggest(key, settings)
            self.report(at, path, f"{owner} takes no '{key}'.{remedy} {known}")
            return None
        if setting.nullable and isinstance(value, Scalar) and value.value is None:
            return None
        if setting.registry is not None and setting.many:
            return self.parts(value, setting.registry, path)
        if setting.registry is not None:
            return self.part(value, setting.registry, path, {})
        if setting.section is not None:
            return self.section(value, setting.section, path, at)
        return self.value(value, setting, owner, path, at)

    def value(self, node: Node, setting: Setting, owner: str, path: str, at: Origin) -> Value:
        try:
            data, problems = read_value(node, setting.annotation(), path)
        except RegistryError as error:
            self.report(at, path, str(error))
        except TypeError as error:  # a mistake of the part's author, not of the config's
            message = f"{owner} annotates this setting as {error}, which YAML cannot express. Change the annotation."
            self.report(at, path, message)
        else:
            self.problems += problems
            return data
        return None


def _name_in(node: Node) -> str:
    """Returns the text of `node` if it could be a part's name, else an empty string."""
    text = node.value if isinstance(node, Scalar) and isinstance(node.value, str) else ""
    return text if re.fullmatch(r"[\w./-]+", text) else ""


def _nested_spelling(key: str) -> str:
    """Returns the remedy for a key with dots, which only the command line takes."""
    names = key.split(".")
    return f" Write {': {'.join(names)}: …{'}' * (len(names) - 1)}."


def _other_kinds(name: str, registry: Registry[object]) -> str:
    """Returns a hint if the name is that of another kind of part."""
    others = [other.title_with_article for other in REGISTRIES if name in other.names()]
    return f". '{name}' is {' and '.join(others)}" if others and name not in registry.names() else ""


def _example(registry: Registry[object]) -> str:
    return next(iter(registry.names()), "name")
