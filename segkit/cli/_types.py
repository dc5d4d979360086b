"""Types of command-line options, used by all commands: argparse calls them with the text of an option."""

import argparse

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
