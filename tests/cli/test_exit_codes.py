"""The exit codes that schedulers act on: the table of the documentation, and what the command returns."""

import argparse
import os
import re
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from segkit.cli import _exit_codes
from segkit.cli.main import main, run_command
from segkit.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    SegkitError,
    TrainingError,
    TrainingStopped,
    WriteError,
)
from tests.helpers.tiny import write_tiny

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
CODES = {name: value for name, value in vars(_exit_codes).items() if name.isupper()}


def test_the_documentation_lists_every_code():
    section = PAGE.read_text().partition("## Exit codes")[2].partition("\n## ")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", section, re.M)] == sorted(CODES.values())


def code_of(error):
    def run(arguments):
        raise error

    return run_command(run, argparse.Namespace())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        *((kind("a: is wrong."), 1) for kind in (SegkitError, CheckpointError, DataError, TrainingError, WriteError)),
        (OSError(28, "No space left on device", "a"), 1),
        (ConfigError("a.yaml:1: is wrong."), 2),
        (TrainingStopped("stopped at step 3 of 4 (SIGTERM)"), 75),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_has_its_code(error, code, capsys):
    assert code_of(error) == code
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("error", [TrainingStopped("stopped at step 0 of 4 by --max-time"), DataError("a: is wrong.")])
def test_a_line_is_written_whole(error, monkeypatch):
    """Else those of processes that end together run into each other, where Python does not buffer."""
    written = []
    monkeypatch.setattr("sys.stderr", SimpleNamespace(write=written.append, flush=lambda: None))
    code_of(error)
    assert [text.count("\n") for text in written] == [1]


def test_done_is_0_and_wrong_words_are_2(capsys):
    assert main(["list", "losses"]) == 0
    with pytest.raises(SystemExit) as caught:
        main(["list", "--unknown"])
    assert caught.value.code == 2


def test_sigterm_ends_a_command_in_order(capsys):
    """As Ctrl-C does: what the command has opened is closed."""
    steps = []
    before = signal.getsignal(signal.SIGTERM)

    def run(arguments):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            steps.append("closed")

    assert run_command(run, argparse.Namespace()) == 143
    assert (steps, capsys.readouterr().err) == (["closed"], "terminated\n")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_training_that_has_not_begun_can_go_on(tmp_path, monkeypatch, capsys):
    """A scheduler that starts the job again loses nothing."""
    monkeypatch.setattr("segkit.training.train.train", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM))
    assert main(["train", str(write_tiny(tmp_path))]) == 75
    assert capsys.readouterr().err == (
        "stopped by SIGTERM before the first step or after the last one. The same command with --resume goes on.\n"
    )
