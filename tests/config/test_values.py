"""Values against annotations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from segkit.config.nodes import Origin
from segkit.config.source import parse
from segkit.config.values import describe, read_value
from segkit.registries.signature import Bounds, Form, Fraction, NonNegative, NonNegativeFloat, Positive, PositiveFloat

START = Origin("x.yaml", 1)


def read(text: str, annotation: Any) -> Any:
    value, problems = read_value(parse(text, START), annotation, "key")
    assert not problems, problems
    return value


def problems(text: str, annotation: Any) -> list[str]:
    return [str(problem) for problem in read_value(parse(text, START), annotation, "key")[1]]


@pytest.mark.parametrize(
    ("text", "annotation", "value"),
    [
        ("1", int, 1),
        ("1", float, 1.0),
        ("1.5", float, 1.5),
        ("a", str, "a"),
        ("true", bool, True),
        ("null", int | None, None),
        ("1", float | None, 1.0),
        ("1", float | int, 1),
        ("1", int | float, 1),
        ("1.0", int | float, 1.0),
        ("a", Literal["a", "b"], "a"),
        ("a", float | Literal["a", "b"], "a"),
        ("2", Literal[1, 2], 2),
        ("[1, 2]", list[float], [1.0, 2.0]),
        ("[1, a]", list, [1, "a"]),
        ("[1, 2]", Sequence[int], [1, 2]),
        ("[]", list[int], []),
        ("[1, 2]", tuple[int, int], (1, 2)),
        ("[1, 2, 3]", tuple[float, ...], (1.0, 2.0, 3.0)),
        ("[1, a]", tuple, (1, "a")),
        ("[[1, 2], [3, 4]]", list[tuple[int, float]], [(1, 2.0), (3, 4.0)]),
        ("{a: 1, b: 2}", dict[str, float], {"a": 1.0, "b": 2.0}),
        ("{a: [1]}", Mapping[str, list[int]], {"a": [1]}),
        ("{a: {b: c}}", dict[str, Any], {"a": {"b": "c"}}),
        ("{a: 1}", dict, {"a": 1}),
        ("[1, {a: b}]", Any, [1, {"a": "b"}]),
        ("64", int | tuple[int, int], 64),
        ("[64, 32]", int | tuple[int, int], (64, 32)),
        ("a", Path | str, "a"),
        ("1", Positive, 1),
        ("0", NonNegativeFloat, 0.0),
        ("1", Fraction, 1.0),
        ("null", Positive | None, None),
        ("3", Positive | None, 3),
        ("1.0", Positive | PositiveFloat, 1.0),
        ("0", Positive | NonNegativeFloat, 0.0),
        ("[1, 0.5]", tuple[Fraction, Fraction], (1.0, 0.5)),
    ],
)
def test_values_that_fit(text, annotation, value):
    got = read(text, annotation)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("text", "annotation", "message"),
    [
        ("1.0", int, "must be an integer, not 1.0. Write 1."),
        ("1e5", int, "must be an integer, not 100000.0. Write 100000."),
        ("1.5", int, "must be an integer, not 1.5."),
        ("'3'", int, "must be an integer, not '3'. Write 3, without quotes."),
        ("1_000", int, "must be an integer, not '1_000'. Write 1000, without quotes."),
        ("true", int, "must be an integer, not true."),
        ("true", float, "must be a number, not true."),
        (".nan", float, "must be a number, not nan. Write a finite one."),
        (".inf", float, "must be a number, not inf. Write a finite one."),
        ("-.inf", PositiveFloat, "must be a number, not -inf. Write a finite one."),
        ("nan", float, "must be a number, not 'nan'."),
        ("inf", float, "must be a number, not 'inf'."),
        ("inf", int, "must be an integer, not 'inf'."),
        ("'1e-4'", int, "must be an integer, not '1e-4'."),
        ("none", float | None, "must be a number or null, not 'none'. Write null, without quotes."),
        ("'2'", float | Literal["auto"], "must be a number or 'auto', not '2'. Write 2, without quotes."),
        ("'1e-4'", float, "must be a number, not '1e-4'. Write 0.0001, without quotes."),
        ("1" + "0" * 400, float, f"must be a number, not 1{'0' * 56}…. It is too large."),
        ("12", str, "must be a string, not 12. Put it in quotes."),
        ("null", str, "must be a string, not null."),
        ("[a]", str, "must be a string, not a list."),
        ("yes", bool, "must be true or false, not 'yes'. Write true, without quotes."),
        ("maybe", bool, "must be true or false, not 'maybe'."),
        ("1", bool, "must be true or false, not 1."),
        ("abc", int | None, "must be an integer or null, not 'abc'."),
        ("abc", None | float | list[float], "must be a number or a list of numbers or null, not 'abc'."),
        ("bf61", Literal["fp32", "bf16"], "must be one of 'fp32', 'bf16', not 'bf61'. Did you mean 'bf16'?"),
        ("true", Literal[1, 2], "must be one of 1, 2, not true."),
        ("b", Literal["a"], "must be 'a', not 'b'."),
        ("autp", float | Literal["auto"], "must be a number or 'auto', not 'autp'. Did you mean 'auto'?"),
        ("3", list[int], "must be a list of integers, not 3."),
        ("{a: 1}", list[dict[str, int]], "must be a list, each item a mapping of integers, not a mapping."),
        ("3", tuple[float, float, float], "must be a list of 3 numbers, not 3."),
        ("[1, 2]", tuple[float, float, float], "must be a list of 3 numbers, but has 2 items."),
        ("[1]", tuple[int, str], "must be a list of 2: an integer, a string, but has 1 item."),
        ("[1, 2, 3]", int | tuple[int, int], "must be a list of 2 integers, but has 3 items."),
        ("{a: 1}", int | tuple[int, int], "must be an integer or a list of 2 integers, not a mapping."),
        ("[1]", dict[str, float], "must be a mapping of numbers, not a list."),
    ],
)
def test_values_that_do_not_fit(text, annotation, message):
    assert problems(text, annotation) == [f"x.yaml:1: key: {message}"]


@pytest.mark.parametrize(
    ("text", "annotation", "message"),
    [
        ("0", Positive, "must be at least 1, not 0."),
        ("-1", NonNegative, "must be at least 0, not -1."),
        ("0", PositiveFloat, "must be more than 0, not 0."),
        ("-1e-9", NonNegativeFloat, "must be at least 0, not -1e-09."),
        ("1.5", Fraction, "must be at most 1, not 1.5."),
        ("1", Annotated[float, Bounds(below=1)], "must be less than 1, not 1."),
        (".nan", Fraction, "must be a number, not nan. Write a finite one."),
        ("x", Positive, "must be an integer, not 'x'."),
        ("0", Positive | None, "must be at least 1, not 0."),
        ("none", Positive | None, "must be an integer or null, not 'none'. Write null, without quotes."),
        ("-1", PositiveFloat | Positive | str, "must be at least 1, not -1."),
        ("-1.5", PositiveFloat | Positive | str, "must be more than 0, not -1.5."),
        ("x", tuple[Positive, Positive], "must be a list of 2 integers, not 'x'."),
        ("2", list[Positive], "must be a list of integers, not 2."),
    ],
)
def test_numbers_out_of_bounds(text, annotation, message):
    assert problems(text, annotation) == [f"x.yaml:1: key: {message}"]


def test_numbers_out_of_bounds_inside_collections():
    assert problems("[0, 1]", tuple[Positive, Positive]) == ["x.yaml:1: key.0: must be at least 1, not 0."]
    assert problems("{a: -1}", dict[str, NonNegativeFloat] | None) == ["x.yaml:1: key.a: must be at least 0, not -1."]
    assert problems("[0, 1]", int | tuple[Positive, Positive]) == ["x.yaml:1: key.0: must be at least 1, not 0."]


def test_the_form_of_a_collection():
    not_empty = Annotated[list[int], Form(lambda value: "" if value else "the list is empty. Add a number.")]
    assert problems("[]", str | not_empty | None) == ["x.yaml:1: key: the list is empty. Add a number."]
    assert read("[1]", str | not_empty) == [1]
    assert problems("[a]", not_empty) == ["x.yaml:1: key.0: must be an integer, not 'a'."]


def test_what_is_wrong_inside_a_collection_is_reported_with_its_own_line_and_path():
    text = "a: [1, x]\nb:\n  - 2\n  - null"
    assert problems(text, dict[str, list[int]]) == [
        "x.yaml:1: key.a.1: must be an integer, not 'x'.",
        "x.yaml:4: key.b.1: must be an integer, not null.",
    ]
    assert problems("[1, x]", tuple[int, ...] | None) == ["x.yaml:1: key.1: must be an integer, not 'x'."]


@pytest.mark.parametrize(("annotation", "name"), [(Path, "Path"), (list[Path], "Path"), (set[int], "set")])
def test_annotations_that_yaml_cannot_serve(annotation, name):
    with pytest.raises(TypeError, match=f"^{name}"):
        describe(annotation)
