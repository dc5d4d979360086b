"""Reads YAML text into nodes that know the file and line of every key, value and list item, and writes YAML.

Scalars follow YAML 1.2: only `true` and `false` are booleans (`NO` is a string), `1e-4` is a number, `1:30` and
`2024-01-01` are strings. PyYAML's own rules are those of YAML 1.1.
"""

import math
import os
import re
from pathlib import Path

import yaml

from segkit.config.nodes import Mapping, Node, Origin, Problem, Scalar, Sequence, config_error, problem, shortened
from segkit.config.yaml_errors import explain
from segkit.runtime import yaml_nodes
from segkit.runtime.integrity import require_intact
from segkit.runtime.reading import read_utf8

CONFIG_FILE = "config.yaml"
"""The name of the resolved config in the folder of a run or checkpoint."""

TAG = "tag:yaml.org,2002:"
MAX_DIGITS = 1000
"""Longer integers are refused: Python refuses to convert them, and no setting needs one."""
NUMBER_STARTS = list("-+.0123456789")
RULES: tuple[tuple[str, str, list[str]], ...] = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", NUMBER_STARTS),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        NUMBER_STARTS,
    ),
    ("merge", r"<<", ["<"]),
)
"""Per tag, the pattern of unquoted text that has it, and the characters that such text starts with."""


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for name, pattern, starts in RULES:
        # PyYAML looks up the rules of a scalar by its first character.
        for start in starts:
            # PyYAML matches at the beginning only, so the pattern asks for the end.
            resolvers.setdefault(start, []).append((TAG + name, re.compile(f"(?:{pattern})$")))
    return resolvers


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = _resolvers()


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers = _resolvers()

    def ignore_aliases(self, data: object) -> bool:
        # Equal values are written out, without anchors such as `&id001`.
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)  # list items are indented below their key


def dump(data: object) -> str:
    """Returns YAML that `parse` reads back to the same data."""
    # An endless width: PyYAML would fold long strings.
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf"))


def inline(value: object) -> str:
    """Returns YAML in one line, such as `[0.9, 0.999]`; the repr of a value that YAML cannot hold."""
    try:
        text: str = yaml.dump(
            value, Dumper=_Dumper, default_flow_style=True, sort_keys=False, allow_unicode=True, width=float("inf")
        )
    except yaml.representer.RepresenterError:
        return repr(value)
    # PyYAML marks the end of a document that is a single scalar with `...`.
    return text.removesuffix("...\n").rstrip("\n")


def compose(text: str) -> yaml.Node | None:
    """Returns PyYAML's own nodes, with scalars resolved by the rules above. Raises yaml.YAMLError."""
    return yaml_nodes.compose(text, _Loader)


def read_file(file: str) -> Mapping:
    """Reads the mapping in a config file.

    Raises:
        CheckpointError: The file is the config of a run or checkpoint, and was changed.
        ConfigError: The file holds anything else.
    """
    top = Origin(file, 1)
    # A damaged config can still be valid YAML. Files of other names are the user's own.
    if os.path.basename(file) == CONFIG_FILE:
        require_intact(Path(file), "Use that of another checkpoint, or restore it from a copy.")
    try:
        text = read_utf8(file)
    except UnicodeDecodeError as error:
        # The decoder reports a byte, people look for a line.
        line = 1 + error.object.count(b"\n", 0, error.start)
        raise problem(
            Origin(file, line), "", f"this file is not UTF-8 text ({error.reason}). Save it as UTF-8."
        ) from error
    except OSError as error:
        raise problem(Origin(file), "", f"the file cannot be read: {error.strerror}.") from error
    node = parse(text, top)
    if isinstance(node, Mapping):
        return node
    if isinstance(node, Scalar) and node.value is None:
        raise problem(top, "", "this file is empty. A config is a mapping, such as 'model: {type: mask_former}'.")
    raise problem(node.origin, "", "a config is a mapping of keys to values, such as 'model: {type: mask_former}'.")


def parse(text: str, start: Origin) -> Node:
    """Parses YAML text, its lines counted from `start`. Raises ConfigError with all problems."""
    try:
        composed = compose(text)
    except yaml.MarkedYAMLError as error:
        line, message = explain(error, start.line)
        raise problem(_at(start, line), "", message) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position)
        message = f"the character {chr(error.character)!a} is not allowed in YAML. Remove it."
        raise problem(_at(start, line), "", message) from error
    if composed is None:
        return Scalar(None, start)
    builder = _Builder(start)
    node = builder.node(composed)
    if builder.problems:
        raise config_error(builder.problems)
    return node


def _at(start: Origin, line: int) -> Origin:
    return start if start.line is None else Origin(start.file, start.line + line)


class _Builder:
    """Converts PyYAML's nodes and collects problems."""

    def __init__(self, start: Origin) -> None:
        self.start = start
        self.problems: list[Problem] = []

    def origin(self, node: yaml.Node) -> Origin:
        return _at(self.start, node.start_mark.line)

    def report(self, node: yaml.Node, message: str) -> None:
        self.problems.append(Problem(self.origin(node), "", message))

    def node(self, node: yaml.Node) -> Node:
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node)
        assert isinstance(node, yaml.SequenceNode)
        return self.sequence(node)

    def scalar(self, node: yaml.ScalarNode) -> Scalar:
        origin = self.origin(node)
        try:
            return Scalar(_value(node.tag, node.value), origin)
        except OverflowError:
            message = f"{shortened(repr(node.value))} is too large a number. Put it in quotes if it is a string."
            self.report(node, message)
        except (KeyError, ValueError):
            message = f"{shortened(repr(node.value))} cannot be read as {_shown_tag(node.tag)}. Remove the tag."
            self.report(node, message)
        return Scalar(None, origin)

    def sequence(self, node: yaml.SequenceNode) -> Sequence:
        self.refuse_tag(node, "seq")
        return Sequence([self.node(item) for item in node.value], self.origin(node))

    def mapping(self, node: yaml.MappingNode) -> Mapping:
        self.refuse_tag(node, "map")
        # Own keys override those merged with '<<', wherever the '<<' is written.
        inherited: dict[str, Node] = {}
        items: dict[str, Node] = {}
        keys: dict[str, Origin] = {}
        inherited_keys: dict[str, Origin] = {}
        for key_node, value_node in node.value:
            if key_node.tag == TAG + "merge":
                for merged in self.merged(value_node):
                    inherited = {**merged.items, **inherited}
                    inherited_keys = {**merged.keys, **inherited_keys}
                continue
            if not isinstance(key_node, yaml.ScalarNode) or not _is_key(key_node, value_node):
                self.report(key_node, _bad_key(key_node, value_node))
                continue
            key = key_node.value
            if key in keys:
                where = "here" if keys[key] == self.origin(key_node) else f"in line {keys[key].line}"
                self.report(key_node, f"the key '{key}' is already set {where}. Remove one of the two.")
            # The second value of a key is read as well, so that its own problems are reported too.
            keys[key] = self.origin(key_node)
            items[key] = self.node(value_node)
        return Mapping({**inherited, **items}, self.origin(node), {**inherited_keys, **keys})

    def merged(self, node: yaml.Node) -> list[Mapping]:
        """Returns the mappings that `<<` merges; of a key in several of them, the first counts."""
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found = []
        for part in parts:
            if isinstance(part, yaml.MappingNode):
                built = self.node(part)
                found += [built] if isinstance(built, Mapping) else []
            else:
                self.report(part, "'<<' takes a mapping, or a list of mappings, such as '<<: *name'.")
        return found

    def refuse_tag(self, node: yaml.Node, expected: str) -> None:
        if node.tag != TAG + expected:
            self.report(node, f"the tag {_shown_tag(node.tag)} is not supported. Remove it.")


def _is_key(key: yaml.ScalarNode, value: yaml.Node) -> bool:
    """Returns whether a key is text, or a whole number, which stands for its digits: `7: road` is `"7": road`."""
    # `[1,5]` is a list of two numbers, but `{1,5}` holds two keys without values.
    return key.tag == TAG + "str" or (key.tag == TAG + "int" and value.value != "")


def _bad_key(key: yaml.Node, value: yaml.Node) -> str:
    if not isinstance(key, yaml.ScalarNode):
        return "a key must be a string, not a list or mapping. Put it in quotes."
    if key.tag == TAG + "int" and value.value == "":
        return f"there is no value after '{key.value}'. Write numbers with a '.', not with a ','."
    return f"the key '{key.value}' is not a string. Put it in quotes."


def _shown_tag(tag: str) -> str:
    return tag.replace(TAG, "!!")


def _value(tag: str, text: str) -> str | int | float | bool | None:
    """Returns the value of a scalar.

    Raises KeyError for an unknown tag, ValueError for text that does not fit an explicit tag, and OverflowError for a
    number that is too large.
    """
    kind = tag.removeprefix(TAG)
    if kind in ("str", "merge"):
        return text
    if kind == "null":
        return None
    if kind == "bool":
        return {"true": True, "false": False}[text.lower()]
    if kind == "int":
        if len(text) > MAX_DIGITS:
            raise OverflowError
        # Without a base, `int` reads `007`, which YAML 1.2 allows and `int(text, 0)` refuses.
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if kind == "float":
        value = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        # `1e999` overflows to infinity without an error.
        if math.isinf(value) and "inf" not in text.lower():
            raise OverflowError
        return value
    raise KeyError(tag)
