"""A disk that is full after some bytes."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def files_of_at_most(count: int) -> Iterator[None]:
    """Lets this process write files of at most `count` bytes."""
    resource = pytest.importorskip("resource", reason="this system limits no sizes")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
