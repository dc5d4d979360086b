"""Options of numbers and paths, of all commands: the same check and the same words."""

import argparse

import pytest

from segkit.cli._types import duration, fraction, non_negative, not_empty, positive
from segkit.cli.main import main


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (positive, "3", 3),
        (non_negative, "0", 0),
        (fraction, "0", 0.0),
        (fraction, "1e-3", 0.001),
        (fraction, "1", 1.0),
        (not_empty, "runs/a b", "runs/a b"),
    ],
)
def test_right_values(read, text, value):
    assert read(text) == value
    assert type(read(text)) is type(value)


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (positive, "0", "must be at least 1, not 0."),
        (positive, "-1", "must be at least 1, not -1."),
        (positive, "1.5", "must be an integer, not '1.5'."),
        (positive, "1e3", "must be an integer, not '1e3'."),
        (positive, "many", "must be an integer, not 'many'."),
        (positive, "", "must be an integer, not ''."),
        (non_negative, "-1", "must be at least 0, not -1."),
        (fraction, "nan", "must be a number, not nan. Write a finite one."),
        (fraction, "inf", "must be a number, not inf. Write a finite one."),
        (fraction, "-0.1", "must be at least 0, not -0.1."),
        (fraction, "50", "must be at most 1, not 50.0."),
        (fraction, "half", "must be a number, not 'half'."),
        (fraction, "0,5", "must be a number, not '0,5'."),
        (not_empty, " ", "is empty. Give a value, or leave out the option."),
    ],
)
def test_wrong_values(read, text, message):
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        read(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["predict", "run", "a.png", "--output", "out", "--score-threshold", "nan"],
            "must be a number, not nan. Write a finite one.",
        ),
        (["predict", "run", "a.png", "--output", "out", "--batch-size", "0"], "must be at least 1, not 0."),
        (["predict", "run", "a.png", "--output", "out", "--batch-size", "-1"], "must be at least 1, not -1."),
        (["predict", "run", "a.png", "--output", "out", "--window", "-5"], "must be at least 1, not -5."),
        (["predict", "run", "a.png", "--output", ""], "is empty. Give a value, or leave out the option."),
        (["test", "run", "--overlays", "-1"], "must be at least 0, not -1."),
        (["test", "run", "--window", "0"], "must be at least 1, not 0."),
        (["analyze", "x.yaml", "--size", "64", "-64"], "must be at least 1, not -64."),
        (["train", "x.yaml", "--output", ""], "is empty. Give a value, or leave out the option."),
    ],
)
def test_commands_refuse_wrong_values_before_anything_else(words, message, capsys):
    option = next(word for word in reversed(words) if word.startswith("--"))
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"segkit {words[0]}: error: argument {option}: {message}"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *[("3h30m", 12600), ("90m", 5400), ("3600", 3600), ("45s", 45), ("2d", 172800), ("1d12h", 129600)],
        *[("12:30:00", 45000), ("00:00:01", 1), ("1-00:00:00", 86400), ("2-03:04:05", 183845), ("1h5s", 3605)],
    ],
)
def test_a_time_is_read_as_people_and_slurm_write_it(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "soon", "3x", "-5", "30m3h", "1:2", "1:2:3", "1.5h", "1-5", "1h5"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        duration(text)
    assert str(caught.value) == f"'{text}' is no time. Write 3h30m, 90m, 3600, 12:30:00 or 1-12:00:00."
