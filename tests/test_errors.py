"""Helpers that word messages."""

from segkit.errors import cause_of, join_first, suggest


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
