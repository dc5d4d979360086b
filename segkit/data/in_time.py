"""Loads a sample in the time that a loading process would have for it."""

import os
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import TypeVar

from segkit.errors import DataError
from segkit.runtime.reading import telling_reads

Loaded = TypeVar("Loaded")


def in_time(load: Callable[[int], Loaded], index: int, section: str | None, timeout: float | None) -> Loaded:
    """Returns what `load` returns, or raises what it raises. It runs in another thread, which can be left behind.

    Args:
        load: Loads a sample of a dataset.
        index: Of the sample.
        section: The section of the config that sets `timeout`, for messages; None where no config does.
        timeout: Seconds to wait; None waits without end.

    Raises:
        DataError: The time is over.

    Example:
        >>> in_time(abs, -3, "data.train", timeout=60)
        3
    """
    outcome: Future[Loaded] = Future()
    files: list[str | os.PathLike[str]] = []

    def run() -> None:
        try:
            outcome.set_result(load(index))
        except BaseException as error:
            outcome.set_exception(error)

    with telling_reads(files.append):
        # Of a pool, the program would wait for the thread when it ends.
        Thread(target=run, daemon=True).start()
        if not wait([outcome], timeout).done:
            image = f"image {index} of the dataset"
            named = f"{os.fspath(files[-1])} ({image})" if files else image
            where, remedy = (f"{section}: ", f", or raise {section}.timeout") if section else ("", "")
            raise DataError(
                f"{where}{named} is not loaded after {timeout:g} seconds. Check the file and its disk{remedy}."
            )
    return outcome.result()
