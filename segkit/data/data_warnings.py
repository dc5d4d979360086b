"""What datasets warn of while they are built, for `segkit check --data` and for `data_summary.json`."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from segkit.errors import DataWarning


@contextmanager
def noted_warnings() -> Iterator[list[str]]:
    """Shows warnings as always, and yields the list that holds their texts at the end of the block, each once.

    Example:
        >>> with warnings.catch_warnings(record=True) as shown, noted_warnings() as texts:
        ...     warnings.warn("labels: not read: 1 file.", stacklevel=1)
        >>> texts, len(shown)
        (['labels: not read: 1 file.'], 1)
    """
    texts: list[str] = []
    caught: list[warnings.WarningMessage] = []
    try:
        with caught_warnings() as caught:
            yield texts
    finally:
        texts += dict.fromkeys(str(one.message) for one in caught if is_about_data(one))
        for one in caught:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


@contextmanager
def caught_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Yields the list of the warnings of the block, which are not shown: also those that were shown before.

    Example:
        >>> with caught_warnings() as caught:
        ...     warnings.warn("labels: not read: 1 file.", stacklevel=1)
        >>> [str(one.message) for one in caught]
        ['labels: not read: 1 file.']
    """
    with warnings.catch_warnings(record=True) as caught:
        # Those of Pillow name no file: the filters for them stay in force.
        warnings.filterwarnings("always", category=UserWarning, module=r"(?!PIL\.)")
        yield caught


def is_about_data(caught: warnings.WarningMessage) -> bool:
    """Returns whether a warning comes from a dataset, and not from torch, which knows nothing of the data.

    Example:
        >>> is_about_data(warnings.WarningMessage("old.", DeprecationWarning, "a.py", 7))
        False
    """
    of_torch = Path(caught.filename).is_relative_to(Path(torch.__file__).parent)
    return caught.category in (UserWarning, DataWarning) and not of_torch
