"""Writes a resolved config as YAML, each value followed by a comment with the file and line it comes from."""

from collections.abc import Iterator

import yaml

from segkit.config.load import Config
from segkit.config.nodes import join_path
from segkit.config.source import compose


def annotated(config: Config) -> str:
    """Returns YAML that loads to the same config."""
    text = config.to_yaml()
    lines = text.splitlines()
    top = compose(text)
    assert top is not None
    # A comment must follow the last line of a value: within folded text it would become part of the text.
    ends = {node.end_mark.line: path for path, node in _leaves(top, "")}
    # The comments form one column, unless a long value would push all of them far to the right.
    width = min(max(len(lines[end]) for end in ends), 80)
    for end, path in ends.items():
        lines[end] = f"{lines[end]:<{width}}  # {config.origin(path)}"
    return "\n".join(lines) + "\n"


def _leaves(node: yaml.Node, path: str) -> Iterator[tuple[str, yaml.Node]]:
    """Yields scalars and empty collections with their paths."""
    if isinstance(node, yaml.MappingNode) and node.value:
        for key, value in node.value:
            yield from _leaves(value, join_path(path, key.value))
    elif isinstance(node, yaml.SequenceNode) and node.value:
        for index, value in enumerate(node.value):
            yield from _leaves(value, join_path(path, index))
    else:
        yield path, node
