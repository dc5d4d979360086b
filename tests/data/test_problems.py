"""Problems of several files in one message."""

from pathlib import Path

import pytest

from segkit.data.problems import Problems, call_all
from segkit.errors import DataError


def test_ten_problems_are_shown_and_the_others_counted():
    problems = Problems(Path("labels"))
    for number in range(12):
        problems.of(Path(f"labels/{number}.json")).add("broken.")
    assert problems.count == problems.of(Path("labels/a.json")).count == 12
    with pytest.raises(DataError) as caught:
        problems.raise_any()
    lines = str(caught.value).splitlines()
    assert lines[:10] == [f"labels/{number}.json: broken." for number in range(10)]
    assert lines[10:] == ["labels: and 2 more."]
    assert caught.value.lines == tuple(f"labels/{number}.json: broken." for number in range(12))
    with pytest.raises(DataError) as both:
        call_all([problems.raise_any, problems.raise_any, Problems(Path("other")).raise_any])
    assert (both.value.lines, str(both.value)) == (caught.value.lines, str(caught.value))


def test_without_problems_nothing_is_raised():
    problems = Problems(Path("labels"))
    problems.raise_any()
    assert problems.count == 0
