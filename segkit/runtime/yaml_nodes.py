"""YAML parsed to PyYAML's nodes, with bounds on what a short text can ask for.

An alias repeats a value, and repeats within repeated values multiply: nine lines of nine aliases each stand for a
billion values. Sharing the values would not do, since whoever reads them walks over each repetition.
"""

import yaml

MAX_DEPTH = 100
"""How many mappings and lists may contain each other: more than any file needs, less than Python's stack holds."""

MAX_REPEATED = 10_000
"""How many values aliases may repeat in all."""

MAX_CHARACTERS = 500_000
"""Length of a text. PyYAML reads it in ten seconds, and nobody writes one by hand."""

TOO_LONG = f"it has more than {MAX_CHARACTERS} characters"
TOO_DEEP = f"lists and mappings are nested more than {MAX_DEPTH} levels deep"
TOO_OFTEN = f"aliases repeat more than {MAX_REPEATED} values"
IN_ITSELF = "this value contains itself through its anchor"
"""The problems that `compose` reports besides PyYAML's."""

_NEW = (0, 0)
"""The count and depth of a node that has not been measured yet."""


def compose(text: str, loader: type[yaml.SafeLoader]) -> yaml.Node | None:
    """Parses YAML to nodes; an empty document is None. Aliases lead to the node that they repeat.

    Args:
        text: The document.
        loader: Its rules decide on the tags of scalars.

    Raises:
        yaml.YAMLError: the text is no YAML, or asks for too much.

    Example:
        >>> lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]
        >>> compose(chr(10).join(lines), yaml.SafeLoader)
        Traceback (most recent call last):
        yaml.error.MarkedYAMLError: aliases repeat more than 10000 values
          in "<unicode string>", line 12, column 6:
            a11: &a11 [*a10, *a10]
                 ^
    """
    if len(text) > MAX_CHARACTERS:
        raise yaml.MarkedYAMLError(problem=TOO_LONG)
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=loader)
    except RecursionError:
        raise yaml.MarkedYAMLError(problem=TOO_DEEP) from None
    if node is not None:
        _Measure().of(node, node)
    return node


class _Measure:
    """Counts what nodes stand for, each node once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int] | None] = {}
        """By the id of a node: how many values it stands for and how deep they are; None while it is measured."""
        self._repeated = 0

    def of(self, node: yaml.Node, place: yaml.Node, above: int = 0) -> tuple[int, int]:
        """Returns the number of values and the depth of a node.

        Args:
            node: What is measured.
            place: What stands where it is used, since a node knows only where it was written first.
            above: The number of mappings and lists that it lies in.

        Raises:
            yaml.MarkedYAMLError: it is too large, too deep, or contains itself.
        """
        if not isinstance(node, yaml.CollectionNode):
            return 1, 0
        known = self._known.get(id(node), _NEW)
        if known is None:
            raise _problem(IN_ITSELF, node)
        if above + max(known[1], 1) > MAX_DEPTH:
            raise _problem(TOO_DEEP, node if known is _NEW else place)
        self._repeated += known[0]
        if self._repeated > MAX_REPEATED:
            raise _problem(TOO_OFTEN, place)
        if known is _NEW:
            self._known[id(node)] = None
            measured = [self.of(child, place, above + 1) for child, place in _children(node)]
            depth = 1 + max((inner for _, inner in measured), default=0)
            known = self._known[id(node)] = 1 + sum(count for count, _ in measured), depth
        return known


def _children(node: yaml.CollectionNode) -> list[tuple[yaml.Node, yaml.Node]]:
    """Returns the keys and values or items of a collection, each with what stands where it is used."""
    if isinstance(node, yaml.MappingNode):
        return [pair for key, value in node.value for pair in ((key, key), (value, key))]
    return [(item, node) for item in node.value]


def _problem(text: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=text, problem_mark=node.start_mark)
