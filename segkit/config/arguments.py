"""Checks values that do not come from a config, such as arguments of `Predictor` and options of a command.

They are checked like settings: by an annotation such as `Positive` or `Fraction`.
"""

import contextlib
import numbers

from segkit.config.nodes import Annotation, Origin, Problem, Scalar, Value, config_error
from segkit.config.values import read_value, unbounded
from segkit.errors import with_article

_NOWHERE = Origin("")
"""Arguments have no file and line; their name locates them."""


def check_arguments(**arguments: tuple[object, Annotation]) -> None:
    """Checks arguments of a function, each given as `name=(value, annotation)`.

    Raises:
        ConfigError: some values are not what their annotations allow. The message has one line for each.

    Example:
        >>> from segkit.registries.signature import Fraction
        >>> check_arguments(score_threshold=(0.5, Fraction | None))
        >>> check_arguments(score_threshold=(2, Fraction | None))
        Traceback (most recent call last):
        segkit.errors.ConfigError: score_threshold: must be at most 1, not 2.
    """
    problems = [
        problem for name, (value, annotation) in arguments.items() for problem in _problems(value, annotation, name)
    ]
    if problems:
        raise config_error(problems)


def read_text(text: str, annotation: Annotation) -> Value:
    """Reads a number from the text of a command-line option.

    Raises:
        ValueError: the text is no such number. The message says what it must be.

    Example:
        >>> from segkit.registries.signature import Fraction
        >>> read_text("0.25", Fraction)
        0.25
    """
    value: object = text
    with contextlib.suppress(ValueError):  # other text is refused below, by what it must be
        value = unbounded(annotation)(text)
    problems = _problems(value, annotation, "")
    if problems:
        raise ValueError(problems[0].message)
    return value


def _problems(value: object, annotation: Annotation, name: str) -> list[Problem]:
    # True is an Integral too, and must stay a bool to be refused as a number.
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        value = int(value)  # numpy's integers become plain
    elif isinstance(value, numbers.Real) and not isinstance(value, int):
        value = float(value)
    if value is None or isinstance(value, bool | int | float | str):
        return read_value(Scalar(value, _NOWHERE), annotation, name)[1]
    return [Problem(_NOWHERE, name, f"must be a number, not {with_article(type(value).__name__)}.")]
