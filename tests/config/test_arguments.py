"""Arguments of Python functions are checked like settings."""

import numpy as np
import pytest

from segkit.config.arguments import check_arguments, read_text
from segkit.errors import ConfigError
from segkit.registries.signature import Fraction, Positive


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.25), np.int64(1), None])
def test_right_values(value):
    check_arguments(score_threshold=(value, Fraction | None))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "score_threshold: must be a number or null, not nan. Write a finite one."),
        (1.01, "score_threshold: must be at most 1, not 1.01."),
        (np.float64(-1), "score_threshold: must be at least 0, not -1.0."),
        ("0.5", "score_threshold: must be a number or null, not '0.5'. Write 0.5, without quotes."),
        (True, "score_threshold: must be a number or null, not true."),
        ([0.5], "score_threshold: must be a number, not a list."),
    ],
)
def test_wrong_values(value, message):
    with pytest.raises(ConfigError) as caught:
        check_arguments(score_threshold=(value, Fraction | None))
    assert str(caught.value) == message


def test_all_problems_are_reported_at_once():
    with pytest.raises(ConfigError) as caught:
        check_arguments(window=(0, Positive | None), overlays=(2.5, Positive))
    assert str(caught.value).splitlines() == [
        "window: must be at least 1, not 0.",
        "overlays: must be an integer, not 2.5.",
    ]


def test_the_text_of_an_option():
    assert read_text("7", Positive) == 7
    with pytest.raises(ValueError, match=r"^must be at least 1, not 0\.$"):
        read_text("0", Positive)
