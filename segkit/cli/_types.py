"""Types of command-line options, used by all commands: argparse calls them with the text of an option."""

import argparse
import re

from segkit.config.arguments import read_text
from segkit.config.nodes import Annotation, Value
from segkit.registries.signature import Fraction, NonNegative, Positive


def positive(text: str) -> int:
    """Reads an integer of at least 1."""
    number: int = _read(text, Positive)
    return number


def non_negative(text: str) -> int:
    """Reads an integer of at least 0."""
    number: int = _read(text, NonNegative)
    return number


def fraction(text: str) -> float:
    """Reads a number from 0 to 1."""
    number: float = _read(text, Fraction)
    return number


_UNITS = (86400, 3600, 60, 1)
"""Seconds of a day, an hour, a minute and a second."""


def duration(text: str) -> int:
    """Reads a time as seconds (`3600`), with units (`3h30m`), or as Slurm writes it (`HH:MM:SS`, `D-HH:MM:SS`).

    Example:
        >>> duration("3h30m"), duration("90m"), duration("3600"), duration("01:00:30"), duration("1-00:00:00")
        (12600, 5400, 3600, 3630, 86400)
    """
    units = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text)
    clock = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)", text)
    plain = re.fullmatch(r"()()()(\d+)", text)
    match = units or clock or plain
    seconds = sum(int(part or 0) * unit for part, unit in zip(match.groups() if match else (), _UNITS, strict=False))
    if not seconds:
        raise argparse.ArgumentTypeError(f"'{text}' is no time. Write 3h30m, 90m, 3600, 12:30:00 or 1-12:00:00.")
    return seconds


def not_empty(text: str) -> str:
    """Reads text that is not empty, such as a path: `--output "$UNSET"` must not mean the working directory."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty. Give a value, or leave out the option.")
    return text


def _read(text: str, annotation: Annotation) -> Value:
    try:
        return read_text(text, annotation)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
