"""YAML files read as JSON is: no word turns into something else, and no key appears twice."""

import re
from pathlib import Path

import yaml

from segkit.errors import DataError
from segkit.runtime.yaml_nodes import compose

_LITERALS: dict[str, object] = {"true": True, "false": False, "null": None, "~": None, "": None}


def read_yaml(text: str, file: Path) -> object:
    """Parses YAML. Unquoted whole numbers, true, false and null are values; all else is text, as `no` and `1.5`.

    Args:
        text: The YAML document.
        file: Its file, for messages.

    Raises:
        DataError: the text is no YAML, asks for too much, holds a tag such as `!!python/name:x`, or a key twice.

    Example:
        >>> read_yaml("names: {0: road, 1: no}", Path("data.yaml"))
        {'names': {'0': 'road', '1': 'no'}}
    """
    try:
        return _plain(compose(text, yaml.SafeLoader), file)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{file}: cannot read YAML ({reason}). Correct the file.") from None


def _plain(node: yaml.Node | None, file: Path) -> object:
    if node is not None and not re.fullmatch(r"tag:yaml\.org,2002:\w+", node.tag):
        line = node.start_mark.line + 1
        raise DataError(f"{file}: line {line}: the tag {node.tag[:60]} is not supported. Remove it.")
    if isinstance(node, yaml.SequenceNode):
        return [_plain(value, file) for value in node.value]
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, object] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in mapping:
                line = key.start_mark.line + 1
                raise DataError(f"{file}: line {line}: the key '{name[:60]}' appears twice. Remove one.")
            mapping[name] = _plain(value, file)
        return mapping
    if node is None:  # an empty document
        return None
    text = str(node.value)
    if isinstance(node, yaml.ScalarNode) and node.style is not None:  # quoted
        return text
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else _LITERALS.get(text, text)
