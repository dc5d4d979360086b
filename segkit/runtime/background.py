"""Work in another thread, so that files are read before, and written after, the caller's own work."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def in_background(function: Callable[[Item], Outcome], items: Iterable[Item], limit: int = 4) -> Iterator[Outcome]:
    """Calls `function` on each item in one other thread, and yields what it returns, in order.

    The items are taken in the caller's thread. So `in_background(read, files)` reads files ahead of their use, and
    `in_background(write, results)` writes results while the next ones are computed.

    An exception of `function` is raised where its outcome would have been yielded. If the caller stops early, calls
    that have not begun are dropped; a call that has begun is waited for.

    Args:
        function: Called on one item after the other.
        items: May be endless.
        limit: How many calls may be unfinished, or have a result that the caller has not yet taken. Bounds the memory.

    Example:
        >>> list(in_background(len, ["a", "bc"]))
        [1, 2]
    """
    waiting: deque[Future[Outcome]] = deque()
    with ThreadPoolExecutor(max_workers=1) as thread:
        try:
            for item in items:
                waiting.append(thread.submit(function, item))
                if len(waiting) > limit:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # calls still wait only where the caller has stopped or something has failed
            for call in waiting:
                call.cancel()
