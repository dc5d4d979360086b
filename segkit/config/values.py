"""One value of a config against the annotation of the setting it is for.

Understood are bool, int, float, str, None, Any, Literal, unions, lists, tuples and dicts with text keys. An int serves
where a float is asked for; nothing else is converted but lists to the tuples a signature names.
"""

import collections.abc
import types
from typing import Any, Literal, Union, get_args, get_origin

from segkit.config.nodes import Mapping, Node, Problem, Scalar, Sequence, plain, shown
from segkit.errors import suggest

WORDS = {bool: "true or false", int: "an integer", float: "a number", str: "text", type(None): "null"}
PLURALS = {int: "integers", float: "numbers", str: "texts"}
UNIONS = (Union, types.UnionType)
LISTS = (list, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)
DICTS = (dict, collections.abc.Mapping)

Read = tuple[Any, list[Problem]]
"""A value as the setting gets it, meaningful where there are no problems."""


def read_value(node: Node, annotation: Any, path: str) -> Read:
    """The value of `node` for a setting so annotated. Raises TypeError for an annotation YAML cannot serve."""
    base = get_origin(annotation) or annotation
    if annotation is Any:
        return plain(node), []
    if base in UNIONS:
        return _read_union(node, annotation, path)
    if base is tuple and isinstance(node, Sequence):
        return _read_tuple(node, annotation, path)
    if base in LISTS and isinstance(node, Sequence):
        (item,) = get_args(annotation) or (Any,)
        return _read_items(node, [item] * len(node.items), path)
    if base in DICTS and isinstance(node, Mapping):
        _, value = get_args(annotation) or (str, Any)
        read = {key: read_value(item, value, f"{path}.{key}") for key, item in node.items.items()}
        return {key: got for key, (got, _) in read.items()}, [one for _, found in read.values() for one in found]
    if isinstance(node, Scalar):
        if base is Literal and any(_same(node.value, choice) for choice in get_args(annotation)):
            return node.value, []
        if base in WORDS and type(node.value) is base:
            return node.value, []
        if base is float and type(node.value) is int and abs(node.value) < 2**1000:
            return float(node.value), []
    return None, [_wrong(node, annotation, path)]


def describe(annotation: Any) -> str:
    """What a value must be, to be read after "must be". Raises TypeError for an annotation YAML cannot serve."""
    base, inner = get_origin(annotation) or annotation, get_args(annotation)
    if annotation is Any:
        return "anything"
    if base in UNIONS:
        return " or ".join(describe(one) for one in _alternatives(annotation))
    if base is Literal:
        choices = ", ".join(repr(choice) for choice in inner)
        return f"one of {choices}" if len(inner) > 1 else choices
    if base in WORDS:
        return WORDS[base]
    if base is tuple and inner and inner[-1] is not Ellipsis:
        if len(set(inner)) == 1 and inner[0] in PLURALS and len(inner) > 1:
            return f"a list of {len(inner)} {PLURALS[inner[0]]}"
        return f"a list of {len(inner)}: {', '.join(describe(one) for one in inner)}"
    if base is tuple or base in LISTS:
        return f"a list{_of(inner[:1])}"
    if base in DICTS:
        return f"a mapping{_of(inner[1:])}"
    raise TypeError(getattr(annotation, "__name__", repr(annotation)))


def _of(inner: tuple[Any, ...]) -> str:
    if not inner or inner[0] is Any:
        return ""
    return f" of {PLURALS[inner[0]]}" if inner[0] in PLURALS else f" whose items are each {describe(inner[0])}"


def _alternatives(annotation: Any) -> list[Any]:
    """A union's members, null last."""
    return sorted(get_args(annotation), key=lambda one: one is type(None))


def _same(value: object, choice: object) -> bool:
    return type(value) is type(choice) and value == choice


def _read_union(node: Node, annotation: Any, path: str) -> Read:
    """The first alternative that fits, of all that fit the one that needs no conversion."""
    alternatives = _alternatives(annotation)
    exact = [one for one in alternatives if isinstance(node, Scalar) and one is type(node.value)]
    failures = []
    for alternative in [*exact, *alternatives]:
        try:
            value, problems = read_value(node, alternative, path)
        except TypeError:  # told where no other alternative fits
            continue
        if not problems:
            return value, []
        if _of_shape(node, alternative):
            failures.append(problems)
    if len(failures) == 1:
        return None, failures[0]
    return None, [_wrong(node, annotation, path)]


def _of_shape(node: Node, annotation: Any) -> bool:
    """Whether a wrong value is a list, or a mapping, as asked for: then what is wrong lies inside it."""
    base = get_origin(annotation) or annotation
    if isinstance(node, Sequence):
        return base is tuple or base in LISTS
    return isinstance(node, Mapping) and base in DICTS


def _read_tuple(node: Sequence, annotation: Any, path: str) -> Read:
    inner = get_args(annotation) or (Any, ...)
    if inner[-1] is Ellipsis:
        inner = (inner[0],) * len(node.items)
    if len(inner) != len(node.items):
        message = f"must be {describe(annotation)}, but has {len(node.items)} items."
        return None, [Problem(node.origin, path, message)]
    items, problems = _read_items(node, list(inner), path)
    return tuple(items), problems


def _read_items(node: Sequence, annotations: list[Any], path: str) -> Read:
    pairs = enumerate(zip(node.items, annotations, strict=True))
    read = [read_value(item, annotation, f"{path}.{index}") for index, (item, annotation) in pairs]
    return [value for value, _ in read], [one for _, problems in read for one in problems]


def _wrong(node: Node, annotation: Any, path: str) -> Problem:
    return Problem(node.origin, path, f"must be {describe(annotation)}, not {shown(node)}.{_remedy(node, annotation)}")


def _remedy(node: Node, annotation: Any) -> str:
    """What to write instead, where that is clear."""
    if not isinstance(node, Scalar):
        return ""
    value = node.value
    alternatives = _alternatives(annotation) if get_origin(annotation) in UNIONS else [annotation]
    wanted = {get_origin(one) or one: get_args(one) for one in alternatives}
    if Literal in wanted and isinstance(value, str):
        return suggest(value, [choice for choice in wanted[Literal] if isinstance(choice, str)])
    if int in wanted and isinstance(value, float) and value.is_integer():
        return f" Write {int(value)}."
    if (int in wanted or float in wanted) and isinstance(value, str):
        number = _number(value)
        return f" Write {number}, without quotes." if number is not None else ""
    if str in wanted and isinstance(value, bool | int | float):
        return " Put it in quotes."
    return ""


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None
