"""The strict reader of values: what each converter accepts and refuses, and how problems are listed."""

import json
from pathlib import Path
from typing import Any

import pytest

from segkit.data.json_values import (
    JsonEntry,
    NotThisError,
    Problems,
    as_flag,
    as_id,
    as_integer,
    as_list,
    as_number,
    as_positive,
    as_text,
    read_json,
    shown,
)
from segkit.errors import DataError

WHOLE, SIZE, NUMBER, FLAG = "a whole number", "a whole number of at least 1", "a number", "0 or 1"
LARGE = "a whole number of at most 64 bits"


@pytest.mark.parametrize(
    ("convert", "value", "expected"),
    [
        (as_integer, 48, 48),
        (as_integer, 48.0, 48),
        (as_integer, "48", 48),
        (as_integer, " -48.0 ", -48),
        (as_integer, "1e3", 1000),
        (as_integer, 2**63 - 1, 2**63 - 1),
        (as_positive, "1", 1),
        (as_number, 2, 2.0),
        (as_number, "480.0", 480.0),
        (as_number, "-.5e1", -5.0),
        (as_flag, 0, False),
        (as_flag, 1, True),
        (as_flag, 0.0, False),
        (as_flag, 1.0, True),
        (as_flag, False, False),
        (as_flag, True, True),
        (as_flag, "0", False),
        (as_flag, "1", True),
        (as_text, " a é", " a é"),
        (as_id, 7.0, 7),
        (as_id, "007", "007"),
        (as_list, [None], [None]),
    ],
)
def test_accepted(convert: Any, value: object, expected: object) -> None:
    assert convert(value) == expected
    assert type(convert(value)) is type(expected)


@pytest.mark.parametrize(
    ("convert", "needed", "values"),
    [
        (as_integer, WHOLE, [None, True, "", "1_0", "٣", "0x1", "1.5", 1.5, "one", 1e300, [], [1], {}, "--1"]),
        (as_integer, LARGE, [2**63, -(2**70), "9" * 30]),
        (as_integer, WHOLE, [float("nan"), float("inf"), 2.0**54]),
        (as_positive, SIZE, [0, -1, None, True, "", "0", 1.5, 2**63]),
        (as_number, NUMBER, [None, True, False, "", "1,5", "1_0", "nan", "inf", "0x1", [], [1.0], {}]),
        (as_number, "a finite number", [float("nan"), float("inf"), 10**400, "1e400"]),
        (as_flag, FLAG, [None, 2, -1, 0.5, "", "2", "true", "false", "no", "00", [], [1], {}, float("nan")]),
        (as_text, "text", [None, 0, 1.5, True, [], {}]),
        (as_text, "text that is not blank", ["", " \n"]),
        (as_text, "text without control characters and half characters", ["\ud800", "a\x00", "a\nb", "\x7f"]),
        (as_id, "a whole number or text", [None, True, 1.5, [], {}, float("nan")]),
        (as_id, "a whole number of at most 64 bits or text", [2**63]),
        (as_id, "text that is not blank", [""]),
        (as_list, "a list", [None, 0, "[]", {}, True]),
    ],
)
def test_refused(convert: Any, needed: str, values: list[object]) -> None:
    for value in values:
        with pytest.raises(NotThisError) as error:
            convert(value)
        assert str(error.value) == needed, value


def test_optional_values() -> None:
    problems = Problems(Path("a.json"))
    entry = JsonEntry({"id": 3, "null": None, "wrong": "?", "right": "1"}, "images[2]", problems)
    assert entry.optional("gone", as_flag, True) is True
    assert entry.optional("null", as_flag, True) is True
    assert entry.optional("right", as_flag, False) is True
    assert problems.count == 0
    assert entry.optional("wrong", as_flag, False) is False
    with pytest.raises(
        DataError,
        match=r'^a\.json: images\[2\] \(id 3\): \'wrong\' is "\?", but must be 0 or 1\. Correct it or leave it out\.$',
    ):
        problems.raise_any()


def test_required_values() -> None:
    problems = Problems(Path("a.json"))
    entry = JsonEntry({"id": "x", "nam": 1, "null": None}, "categories[0]", problems)
    assert (entry.required("name", as_text), entry.required("null", as_flag)) == (None, None)
    assert JsonEntry([1], "categories[1]", problems).required("name", as_text) is None
    with pytest.raises(DataError) as error:
        problems.raise_any()
    assert str(error.value).splitlines() == [
        "a.json: categories[0] (id \"x\"): there is no 'name'. Did you mean 'nam'? Add it.",
        "a.json: categories[0] (id \"x\"): 'null' is null, but must be 0 or 1. Correct it.",
        "a.json: categories[1] is a list of 1, but must be a mapping. Correct or remove it.",
    ]


def test_ten_problems_are_listed_and_the_others_counted() -> None:
    problems = Problems(Path("a.json"))
    problems.raise_any()
    for number in range(12):
        problems.add(f"number {number}.")
    with pytest.raises(DataError) as error:
        problems.raise_any()
    lines = str(error.value).splitlines()
    assert len(lines) == 11
    assert lines[9:] == ["a.json: number 9.", "a.json: and 2 more."]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", '"0"'),
        (0, "0"),
        (True, "true"),
        (None, "null"),
        (float("inf"), "Infinity"),
        ("é", '"é"'),
        ("\ud800", '"\\ud800"'),
        ("a\nb", '"a\\nb"'),
        ("x" * 50, '"' + "x" * 39 + "…"),
        pytest.param(10**5000, "a number of thousands of digits", id="digits"),
        ([], "an empty list"),
        ([1, 2], "a list of 2"),
        ({"a": 1}, "a mapping"),
    ],
)
def test_shown(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"é": 1}, ensure_ascii=False), encoding=encoding)
    assert read_json(tmp_path / "a.json") == {"é": 1}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\xff", b"[" * 100_000, b"1" * 5000, b"[] []"])
def test_no_json(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError) as error:
        read_json(tmp_path / "a.json")
    assert str(error.value).startswith(f"{tmp_path / 'a.json'}: cannot read JSON (")
    assert str(error.value).endswith("). Restore the file or correct the path.")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_json(tmp_path)
    assert str(error.value) == f"{tmp_path}: cannot read JSON (Is a directory). Restore the file or correct the path."
