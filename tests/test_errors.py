"""Helpers that word messages."""

import pickle
import traceback

import pytest

from segkit.config import load_config
from segkit.config.nodes import problems_of
from segkit.errors import ConfigError, cause_of, join_first, suggest


def test_the_cause_is_the_first_line_or_else_the_type():
    assert cause_of(ValueError("  first line\nsecond line")) == "first line"
    assert cause_of(KeyboardInterrupt()) == "KeyboardInterrupt"


def test_the_closest_name_is_suggested():
    assert suggest("crop", ["flip", "crops"]) == " Did you mean 'crops'?"
    assert suggest("crop", ["flip"]) == suggest("crop", []) == ""


def test_values_beyond_the_limit_become_an_ellipsis():
    assert join_first([]) == ""
    assert join_first(range(3), limit=3) == "0, 1, 2"
    assert join_first(["a", "b", "c"], limit=2) == "a, b, …"


def test_a_config_error_has_its_public_name_and_keeps_its_problems():
    with pytest.raises(ConfigError) as caught:
        load_config({"model": {"type": "none"}, "nodel": 1})
    assert type(caught.value) is ConfigError
    assert traceback.format_exception_only(caught.value)[0].startswith("segkit.errors.ConfigError: <dict>: ")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.problems) == (str(caught.value), caught.value.problems)
    assert [problem.path for problem in problems_of(copy)] == ["model.type", "nodel"]


def test_a_config_error_without_problems_loses_nothing():
    assert [str(problem) for problem in problems_of(ConfigError("x: is wrong."))] == ["x: is wrong."]
