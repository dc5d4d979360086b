"""Reads and describes values by the annotation of their setting.

Supported are bool, int, float, str, None, Any, Literal, unions, lists, tuples, dicts with string keys, and these with
`Bounds` or a `Form` of `segkit.registries.signature`. An int is accepted where a float is expected, and a list where a
tuple is; nothing else is converted. NaN and infinity are never accepted: "no limit" is null.
"""

import collections.abc
import math
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from segkit.config.nodes import Annotation, Mapping, Node, Problem, Scalar, Sequence, Value, shown
from segkit.config.plain import plain
from segkit.config.remedies import remedy
from segkit.registries.signature import Bounds, Form

NULL = type(None)
WORDS = {bool: "true or false", int: "an integer", float: "a number", str: "a string", NULL: "null"}
PLURALS = {int: "integers", float: "numbers", str: "strings"}
UNIONS = (Union, types.UnionType)
LISTS = (list, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)
DICTS = (dict, collections.abc.Mapping)
MAX_FLOAT_INT = 2**1000
"""Integers from here on are not converted to float; the largest float is just below 2**1024."""

Read = tuple[Value, list[Problem]]
"""A value as the setting receives it, valid if there are no problems."""


def read_value(node: Node, annotation: Annotation, path: str) -> Read:
    """Reads the value of a setting. Raises TypeError for an annotation that YAML cannot express."""
    base = base_of(annotation)
    inner = get_args(annotation)
    if annotation is Any:
        return plain(node), []
    if base is Annotated:
        return _read_bounded(node, annotation, path)
    if base in UNIONS:
        return _read_union(node, annotation, path)
    if isinstance(node, Sequence) and base is tuple:
        return _read_tuple(node, annotation, path)
    if isinstance(node, Sequence) and base in LISTS:
        return _read_items(node, [inner[0] if inner else Any] * len(node.items), path)
    if isinstance(node, Mapping) and base in DICTS:
        return _read_mapping(node, inner[1] if inner else Any, path)
    if isinstance(node, Scalar) and (base is Literal or base in WORDS):
        return _read_scalar(node, annotation, path)
    return None, [_wrong(node, annotation, path)]


def describe(annotation: Annotation) -> str:
    """Describes the values that an annotation allows, to follow "must be".

    Raises TypeError for an annotation that YAML cannot express.

    Example:
        >>> describe(tuple[int, int] | None)
        'a list of 2 integers or null'
    """
    annotation = unbounded(annotation)
    base = base_of(annotation)
    inner = tuple(unbounded(one) for one in get_args(annotation))
    if annotation is Any:
        return "anything"
    if base in WORDS:
        return WORDS[base]
    if base in UNIONS:
        return " or ".join(describe(one) for one in alternatives(annotation))
    if base is Literal:
        choices = ", ".join(repr(choice) for choice in inner)
        return f"one of {choices}" if len(inner) > 1 else choices
    if base is tuple and inner and inner[-1] is not Ellipsis:
        # "a list of 2 integers" rather than "a list of 2: an integer, an integer".
        if len(set(inner)) == 1 and inner[0] in PLURALS and len(inner) > 1:
            return f"a list of {len(inner)} {PLURALS[inner[0]]}"
        return f"a list of {len(inner)}: {', '.join(describe(one) for one in inner)}"
    if base is tuple or base in LISTS:
        return f"a list{_of(inner[:1])}"
    if base in DICTS:
        return f"a mapping{_of(inner[1:])}"
    raise TypeError(getattr(annotation, "__name__", repr(annotation)))


def _of(inner: tuple[Annotation, ...]) -> str:
    """Describes the items of a collection."""
    if not inner or inner[0] is Any:
        return ""
    return f" of {PLURALS[inner[0]]}" if inner[0] in PLURALS else f", each item {describe(inner[0])}"


def base_of(annotation: Annotation) -> Annotation:
    """Returns the annotation without its arguments: `list` for `list[int]`."""
    return get_origin(annotation) or annotation


def alternatives(annotation: Annotation) -> list[Annotation]:
    """Returns the members of a union, null last; for any other annotation, the annotation itself."""
    if base_of(annotation) not in UNIONS:
        return [annotation]
    return sorted(get_args(annotation), key=lambda one: one is NULL)


def unbounded(annotation: Annotation) -> Annotation:
    """Returns the annotation without bounds."""
    return get_args(annotation)[0] if base_of(annotation) is Annotated else annotation


def _read_scalar(node: Scalar, annotation: Annotation, path: str) -> Read:
    value = node.value
    # Types are compared exactly, since True == 1 and 1 == 1.0.
    if type(value) is annotation and not (isinstance(value, float) and not math.isfinite(value)):
        return value, []
    if any(type(value) is type(choice) and value == choice for choice in get_args(annotation)):
        return value, []
    if annotation is float and type(value) is int and abs(value) < MAX_FLOAT_INT:
        return float(value), []
    return None, [_wrong(node, annotation, path)]


def _read_bounded(node: Node, annotation: Annotation, path: str) -> Read:
    inner, *extras = get_args(annotation)
    value, problems = read_value(node, inner, path)
    for extra in extras:
        if not problems and isinstance(extra, Bounds) and (expected := extra.expected(value)):
            problems = [Problem(node.origin, path, f"must be {expected}, not {shown(node)}.")]
        if not problems and isinstance(extra, Form) and (problem := extra.problem(value)):
            problems = [Problem(node.origin, path, problem)]
    return value, problems


def _read_union(node: Node, annotation: Annotation, path: str) -> Read:
    """Reads the first alternative that fits, trying the exact type before one that needs a conversion.

    If none fits, reports the problems of the alternative that was meant, where that is clear: a number of the right
    type outside its bounds, or the only collection of this shape.
    """
    members = alternatives(annotation)
    exact = [one for one in members if isinstance(node, Scalar) and unbounded(one) is type(node.value)]
    outside_bounds, inside_collection = [], []
    # `members` has the exact types too: dict.fromkeys drops their second mention.
    for alternative in dict.fromkeys([*exact, *members]):
        try:
            value, problems = read_value(node, alternative, path)
        except TypeError:  # not expressible in YAML; `_wrong` raises it again if nothing else fits
            continue
        if not problems:
            return value, []
        if not read_value(node, unbounded(alternative), path)[1]:
            outside_bounds.append(problems)
        elif _has_shape(node, unbounded(alternative)):
            inside_collection.append(problems)
    if outside_bounds:
        return None, outside_bounds[0]
    if len(inside_collection) == 1:
        return None, inside_collection[0]
    return None, [_wrong(node, annotation, path)]


def _has_shape(node: Node, annotation: Annotation) -> bool:
    """Whether both are lists or both are mappings, so that what is wrong lies inside the value."""
    base = base_of(annotation)
    if isinstance(node, Sequence):
        return base is tuple or base in LISTS
    return isinstance(node, Mapping) and base in DICTS


def _read_tuple(node: Sequence, annotation: Annotation, path: str) -> Read:
    inner, count = get_args(annotation) or (Any, ...), len(node.items)
    # `tuple[int, ...]` takes any number of items.
    if inner[-1] is Ellipsis:
        inner = (inner[0],) * count
    if len(inner) != count:
        message = f"must be {describe(annotation)}, but has {count} {'item' if count == 1 else 'items'}."
        return None, [Problem(node.origin, path, message)]
    items, problems = _read_items(node, inner, path)
    return tuple(items), problems


def _read_items(node: Sequence, annotations: collections.abc.Sequence[Annotation], path: str) -> Read:
    pairs = enumerate(zip(node.items, annotations, strict=True))
    read = [read_value(item, annotation, f"{path}.{index}") for index, (item, annotation) in pairs]
    return [value for value, _ in read], [one for _, problems in read for one in problems]


def _read_mapping(node: Mapping, annotation: Annotation, path: str) -> Read:
    read = {key: read_value(item, annotation, f"{path}.{key}") for key, item in node.items.items()}
    return {key: value for key, (value, _) in read.items()}, [one for _, problems in read.values() for one in problems]


def _wrong(node: Node, annotation: Annotation, path: str) -> Problem:
    # Bounds do not matter here: `_read_bounded` reports them.
    wanted = {base_of(one): get_args(one) for one in map(unbounded, alternatives(annotation))}
    # Described first: it raises TypeError for an annotation that YAML cannot express.
    message = f"must be {describe(annotation)}, not {shown(node)}.{remedy(node, wanted)}"
    return Problem(node.origin, path, message)
