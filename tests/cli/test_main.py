"""The console command."""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import segkit
from segkit.cli import main as cli
from segkit.errors import ConfigError, DataError

ROOT = Path(segkit.__file__).parents[1]


@pytest.fixture
def command(monkeypatch):
    """Makes a function the only command, called `try`."""

    def command(run, add_arguments=lambda parser: None):
        module = SimpleNamespace(__doc__="Try something.\n\nMore.", add_arguments=add_arguments, run=run)
        monkeypatch.setattr(cli, "commands", lambda: {"try": module})

    return command


def test_a_command_is_a_file_of_the_folder():
    files = {path.stem for path in (ROOT / "segkit" / "cli").glob("[!_]*.py")} - {"main"}
    assert {name.replace("-", "_") for name in cli.commands()} == files
    assert {"check", "list", "show"} <= files
    for module in cli.commands().values():
        assert module.__doc__
        assert module.__doc__.partition("\n")[0].endswith((".", ":"))


def test_a_command_s_exit_code_is_returned(command):
    command(lambda arguments: 3)
    assert cli.main(["try"]) == 3


def test_an_error_of_the_user_is_printed_without_a_traceback(command, capsys):
    def run(arguments):
        raise DataError("a.png: this image is broken. Fix the file.")

    command(run)
    assert cli.main(["try"]) == 1
    assert capsys.readouterr().err == "error: a.png: this image is broken. Fix the file.\n"


def test_a_config_error_has_another_exit_code(command, capsys):
    def run(arguments):
        raise ConfigError("x.yaml:1: one\nx.yaml:2: two")

    command(run)
    assert cli.main(["try"]) == 2
    assert capsys.readouterr().err == "error: x.yaml:1: one\nx.yaml:2: two\n"


def test_an_interrupted_command_says_so(command, capsys):
    def run(arguments):
        raise KeyboardInterrupt

    command(run)
    assert cli.main(["try"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_warning_is_one_line(tmp_path):
    """In another process, since pytest collects warnings instead of printing them."""
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "a.png").write_text("no image")
    words = [sys.executable, "-m", "segkit", "predict", "missing", str(tmp_path), "--output", str(tmp_path / "out")]
    error = subprocess.run(words, cwd=ROOT, capture_output=True, text=True).stderr.splitlines()
    assert error[0] == f"warning: {tmp_path}: not read: 1 file without the suffix of an image: notes.txt."
    assert [line.partition(":")[0] for line in error[1:]] == ["error"]


def test_a_bug_keeps_its_traceback(command):
    def run(arguments):
        raise ValueError("a bug")

    command(run)
    with pytest.raises(ValueError, match=r"^a bug$"):
        cli.main(["try"])


@pytest.mark.parametrize(
    "words",
    [
        ["x.yaml", "a=1", "b=2", "--plugin", "p.py"],
        ["x.yaml", "--plugin", "p.py", "a=1", "b=2"],
        ["--plugin", "p.py", "x.yaml", "a=1", "b=2"],
        ["x.yaml", "a=1", "--plugin", "p.py", "b=2"],
    ],
)
def test_overrides_may_stand_on_both_sides_of_options(command, words):
    from segkit.cli._arguments import add_config_arguments

    seen = {}
    command(lambda arguments: seen.update(vars(arguments)) or 0, add_config_arguments)
    assert cli.main(["try", *words]) == 0
    assert (seen["config"], seen["overrides"], seen["plugins"]) == ("x.yaml", ["a=1", "b=2"], ["p.py"])


def test_an_unknown_option_is_refused(command, capsys):
    from segkit.cli._arguments import add_config_arguments

    command(lambda arguments: 0, add_config_arguments)
    with pytest.raises(SystemExit) as caught:
        cli.main(["try", "x.yaml", "--fast", "a=1"])
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith("segkit try: error: unrecognized arguments: --fast\n")


def test_words_beyond_a_command_s_arguments_are_refused(command, capsys):
    command(lambda arguments: 0)
    with pytest.raises(SystemExit) as caught:
        cli.main(["try", "x"])
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith("segkit try: error: unrecognized arguments: x\n")


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"segkit {segkit.__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["list", "--json"]])
def test_help_and_list_load_nothing_slow(arguments):
    program = (
        "import sys\nfrom segkit.cli.main import main\ntry:\n    main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "assert not {'torch', 'timm', 'numpy', 'rich'} & set(sys.modules), 'too much is imported'"
    )
    subprocess.run([sys.executable, "-c", program, *arguments], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(13, "Permission denied", "runs/x"), "error: runs/x: Permission denied\n"),
        (NotADirectoryError(20, "Not a directory", "file/x"), "error: file/x: Not a directory\n"),
        (OSError(28, "No space left on device"), "error: No space left on device\n"),
        (OSError(30, "Read-only file system", "runs"), "error: runs: Read-only file system\n"),
    ],
)
def test_an_error_of_the_file_system_is_one_line(capsys, error, line):
    def fails(arguments):
        raise error

    assert cli.run_command(fails, argparse.Namespace()) == 1
    assert capsys.readouterr().err == line


def test_an_os_error_without_a_path_is_a_bug():
    def fails(arguments):
        raise OSError("odd")

    with pytest.raises(OSError, match="odd"):
        cli.run_command(fails, argparse.Namespace())


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (MemoryError(), "MemoryError"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), "DefaultCPUAllocator: can't allocate"),
    ],
)
def test_too_little_memory_is_one_line(capsys, error, cause):
    def fails(arguments):
        raise error

    assert cli.run_command(fails, argparse.Namespace()) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"error: there is not enough memory ({cause}")
    assert message.endswith("). Use smaller batches or images.\n")


@pytest.mark.skipif(os.name == "nt", reason="pipes of Windows end in another way")
@pytest.mark.parametrize("buffered", [True, False])
def test_output_that_nobody_reads_ends_the_command_quietly(buffered):
    """As `segkit list | head -1` does."""
    reading, writing = os.pipe()
    os.close(reading)
    variables = {**os.environ, "PYTHONUNBUFFERED": "" if buffered else "1"}
    run = subprocess.run(
        [sys.executable, "-m", "segkit", "list"], stdout=writing, stderr=subprocess.PIPE, env=variables, check=False
    )
    os.close(writing)
    assert (run.returncode, run.stderr) == (141, b"")


def test_another_pipe_that_is_closed_is_a_bug():
    """Of a tracker's connection, for example: the command must not end quietly."""

    def fails(arguments):
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        cli.run_command(fails, argparse.Namespace())
