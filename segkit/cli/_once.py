"""Options that may be given once: of two values, argparse would drop the first without a word."""

import argparse
from collections.abc import Sequence
from typing import Any


class StoreOnce(argparse.Action):
    """Stores a value, as argparse does by default, and refuses another value of the same option.

    Example:
        >>> parser = argparse.ArgumentParser(prog="segkit")
        >>> parser.register("action", None, StoreOnce)
        >>> _ = parser.add_argument("--window")
        >>> parser.parse_args(["--window", "64", "--window", "64"]).window
        '64'
    """

    given = "_options_given"
    """The attribute of a namespace with the values by option."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        if option_string is not None:
            given: dict[str, Any] = vars(namespace).setdefault(self.given, {})
            if given.setdefault(self.dest, values) != values:
                parser.error(f"argument {option_string}: given twice, as {given[self.dest]} and as {values}")
        setattr(namespace, self.dest, values)
