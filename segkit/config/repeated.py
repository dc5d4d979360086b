"""Settings that the command line gives more than once with different values: only one of them could have an effect."""

from collections.abc import Iterable, Iterator

from segkit.config.nodes import COMMAND_LINE, Mapping, Node, Problem, Scalar, join_path, shortened
from segkit.config.plain import plain
from segkit.config.source import inline


def contradictions(values: Iterable[tuple[str, Node]]) -> Iterator[Problem]:
    """Yields a problem for each value that an earlier one contradicts.

    Args:
        values: Those of the command line, each with its path.

    Example:
        >>> both = [("training.steps", Scalar(steps, COMMAND_LINE)) for steps in (1, 2)]
        >>> print(*contradictions(both))
        <command line>: training.steps: is given twice, as 1 and as 2. Give it once.
    """
    given: dict[str, Node] = {}
    for key, value in values:
        for path, node in _values(value, key):
            earlier = given.setdefault(path, node)
            # As text: in Python, 1 equals true.
            if _spelled(earlier) != _spelled(node):
                yield _problem(path, f"is given twice, as {_spelled(earlier)} and as {_spelled(node)}")
            for other, there in given.items():
                # A list is no end: another override may change one of its items.
                if path.startswith(f"{other}.") and isinstance(there, Scalar):
                    yield _problem(path, f"is given a value, and {other}, which would hold it, {_spelled(there)}")
                if other.startswith(f"{path}.") and isinstance(node, Scalar):
                    yield _problem(other, f"is given a value, and {path}, which would hold it, {_spelled(node)}")


def _values(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    """Yields the values inside a mapping by path: those of two mappings are merged."""
    if isinstance(node, Mapping) and node.items:
        for key, value in node.items.items():
            yield from _values(value, join_path(path, key))
    else:
        yield path, node


def _spelled(node: Node) -> str:
    return shortened(inline(plain(node)))


def _problem(path: str, message: str) -> Problem:
    return Problem(COMMAND_LINE, path, f"{message}. Give it once.")
