"""One value of a config against the annotation of the setting it is for.

Understood are bool, int, float, str, None, Any, Literal, unions, lists, tuples, dicts with text keys, and numbers with
the Bounds of `segkit.registries.signature`. An int serves where a float is asked for; nothing else is converted but
lists to the tuples a signature names. Nan is no number.
"""

import collections.abc
import math
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from segkit.config.nodes import Mapping, Node, Problem, Scalar, Sequence, shown, spacing
from segkit.config.plain import plain
from segkit.errors import suggest
from segkit.registries.signature import Bounds

WORDS = {bool: "true or false", int: "an integer", float: "a number", str: "text", type(None): "null"}
PLURALS = {int: "integers", float: "numbers", str: "texts"}
UNIONS = (Union, types.UnionType)
LISTS = (list, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)
DICTS = (dict, collections.abc.Mapping)
BOOLEANS = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}
INFINITIES = {math.inf: ".inf", -math.inf: "-.inf"}
"""How YAML spells them."""

Read = tuple[Any, list[Problem]]
"""A value as the setting gets it, meaningful where there are no problems."""


def read_value(node: Node, annotation: Any, path: str) -> Read:
    """The value of `node` for a setting so annotated. Raises TypeError for an annotation YAML cannot serve."""
    base = get_origin(annotation) or annotation
    if annotation is Any:
        return plain(node), []
    if base is Annotated:
        return _read_bounded(node, annotation, path)
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
        if base in WORDS and type(node.value) is base and node.value == node.value:  # nan is no value
            return node.value, []
        if base is float and type(node.value) is int and abs(node.value) < 2**1000:
            return float(node.value), []
    return None, [_wrong(node, annotation, path)]


def describe(annotation: Any) -> str:
    """What a value must be, to be read after "must be". Raises TypeError for an annotation YAML cannot serve."""
    annotation = _bare(annotation)
    base, inner = get_origin(annotation) or annotation, tuple(_bare(one) for one in get_args(annotation))
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
    """A union's members, null last; of anything else itself."""
    if (get_origin(annotation) or annotation) not in UNIONS:
        return [annotation]
    return sorted(get_args(annotation), key=lambda one: one is type(None))


def _bare(annotation: Any) -> Any:
    """Without bounds."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _read_bounded(node: Node, annotation: Any, path: str) -> Read:
    inner, *extras = get_args(annotation)
    value, problems = read_value(node, inner, path)
    for bounds in extras:
        if not problems and isinstance(bounds, Bounds) and (expected := bounds.expected(value)):
            problems = [Problem(node.origin, path, f"must be {expected}, not {shown(node)}.")]
    return value, problems


def _same(value: object, choice: object) -> bool:
    return type(value) is type(choice) and value == choice


def _read_union(node: Node, annotation: Any, path: str) -> Read:
    """The first alternative that fits, of all that fit the one that needs no conversion.

    Where none does, what is wrong is told of the one that was meant, if that is clear: it has a number's type, which is
    beyond its bounds, or the shape of a collection.
    """
    alternatives = _alternatives(annotation)
    exact = [one for one in alternatives if isinstance(node, Scalar) and _bare(one) is type(node.value)]
    beyond, inside = [], []
    for alternative in dict.fromkeys([*exact, *alternatives]):
        try:
            value, problems = read_value(node, alternative, path)
        except TypeError:  # told where no other alternative fits
            continue
        if not problems:
            return value, []
        if not read_value(node, _bare(alternative), path)[1]:
            beyond.append(problems)
        elif _of_shape(node, alternative):
            inside.append(problems)
    if beyond:
        return None, beyond[0]
    if len(inside) == 1:
        return None, inside[0]
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
        message = f"must be {describe(annotation)}, but has {_items(len(node.items))}."
        return None, [Problem(node.origin, path, message)]
    items, problems = _read_items(node, list(inner), path)
    return tuple(items), problems


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


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
    alternatives = [_bare(one) for one in _alternatives(annotation)]
    wanted = {get_origin(one) or one: get_args(one) for one in alternatives}
    if isinstance(value, str):
        return _remedy_of_text(value, wanted) or (spacing(node) if {tuple, *LISTS, *DICTS} & set(wanted) else "")
    if int in wanted and isinstance(value, float) and value.is_integer():
        return f" Write {int(value)}."
    if float in wanted and type(value) is int:
        return " It is too large."
    if str in wanted and isinstance(value, bool | int | float):
        return " Put it in quotes."
    return ""


def _remedy_of_text(text: str, wanted: dict[Any, tuple[Any, ...]]) -> str:
    near = suggest(text, [choice for choice in wanted.get(Literal, ()) if isinstance(choice, str)])
    if near:
        return near
    if bool in wanted and text.lower() in BOOLEANS:
        return f" Write {BOOLEANS[text.lower()]}, without quotes."
    if type(None) in wanted and text.lower() in ("none", "nil", "null"):
        return " Write null, without quotes."
    number = _number(text)
    if isinstance(number, int) and (int in wanted or float in wanted):
        return f" Write {number}, without quotes."
    if isinstance(number, float) and float in wanted and not math.isnan(number):
        return f" Write {INFINITIES.get(number, number)}, without quotes."
    return ""


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None
