"""How the process holds its memory."""

import ctypes
import os
from collections.abc import Callable

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # as malloc.h numbers them
_ENVIRONMENT = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Keeps freed memory in the process, for what is allocated next.

    By default glibc hands a large tensor's memory back to the system and takes it anew for the next one, page by page,
    which costs a CPU an eighth of a training step and more. Kept memory raises no peak but what gaps between tensors
    add, and is held until the process ends.

    Returns whether that is so from now on: not with another C library, nor where the environment sets glibc's
    allocator itself.
    """
    if any(name in os.environ for name in _ENVIRONMENT):
        return False
    mallopt = _of_glibc("mallopt")
    return mallopt is not None and bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, -1))


def release_freed_memory() -> None:
    """Hands what is kept back to the system, so that the process's size says what is in use; nothing without glibc."""
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _of_glibc(name: str) -> Callable[..., int] | None:
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):  # musl and macOS, none, Windows
        return None
    return function
