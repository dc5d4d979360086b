"""Command lines as pages print them, read by the parsers that will read them."""

import argparse
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from segkit.cli.main import commands
from tests.helpers.pages import ROOT

OTHER_PROGRAMS = {"pip", "ruff", "mypy", "pre-commit", "sbatch", "."}
"""Programs that are not segkit's and whose arguments are not checked."""


@dataclass(frozen=True)
class SegkitCommand:
    """A call of one of segkit's commands."""

    name: str
    arguments: argparse.Namespace
    overrides: list[str]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise ValueError(message)


def simple_commands(block: str) -> list[list[str]]:
    """Splits a shell block into commands, each a list of words; comments and assignments before a command go."""
    found = []
    for line in block.splitlines():
        for command in re.split(r"&&|;", line):
            words = shlex.split(command, comments=True)
            while words and re.fullmatch(r"\w+=\S*", words[0]):
                words = words[1:]
            if words:
                found.append(words)
    return found


def read_command(words: list[str]) -> SegkitCommand | None:
    """Parses one command; returns None if it is not one of segkit's.

    Raises:
        ValueError: The program, script, command or option does not exist.
    """
    if words[0] == "segkit":
        return _read_segkit(words[1], words[2:])
    if words[0] == "python" and words[1].endswith(".py"):
        return _read_script(words[1], words[2:])
    if words[:2] == ["python", "-m"] and words[2] in ("pytest", "venv"):
        return None
    if words[0] == "torchrun":
        return _read_launched(_torchrun(), words[1:])
    if words[:2] == ["accelerate", "launch"]:
        return _read_launched(_accelerate(), words[2:])
    if words[0] not in OTHER_PROGRAMS:
        raise ValueError(f"no page should use the program {words[0]}")
    return None


def _read_script(script: str, arguments: list[str]) -> SegkitCommand | None:
    if not (ROOT / script).is_file():
        raise ValueError(f"there is no {script}")
    name = Path(script).stem.replace("_", "-")
    if name in commands():
        return _read_segkit(name, arguments)
    if name == "benchmark":
        from benchmarking.command import add_arguments

        parser = _Parser()
        add_arguments(parser)
        parser.parse_args(arguments)
    return None


def _read_segkit(name: str, arguments: list[str]) -> SegkitCommand:
    if name not in commands():
        raise ValueError(f"there is no command {name}")
    parser = _Parser()
    commands()[name].add_arguments(parser)
    parsed, rest = parser.parse_known_args(arguments)
    unknown = [word for word in rest if word.startswith("-") or not hasattr(parsed, "overrides")]
    if unknown:
        raise ValueError(f"segkit {name} has no {' '.join(unknown)}")
    return SegkitCommand(name, parsed, [*getattr(parsed, "overrides", []), *rest])


def _read_launched(launcher: argparse.ArgumentParser, arguments: list[str]) -> SegkitCommand | None:
    script = next(index for index, word in enumerate(arguments) if word.endswith(".py"))
    launcher.parse_args(arguments[: script + 1])
    return _read_script(arguments[script], arguments[script + 1 :])


def _torchrun() -> argparse.ArgumentParser:
    from torch.distributed.run import get_args_parser

    return get_args_parser()


def _accelerate() -> argparse.ArgumentParser:
    from accelerate.commands.launch import launch_command_parser

    return launch_command_parser()
