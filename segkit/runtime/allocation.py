"""How the process allocates memory (glibc only)."""

import ctypes
import os
from collections.abc import Callable

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # the numbers of these options in malloc.h
ENVIRONMENT = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
"""Environment variables by which users configure glibc's allocator."""


def keep_freed_memory() -> bool:
    """Makes the process keep freed memory for later allocations.

    By default, glibc returns the memory of a large tensor to the system and requests it again for the next tensor,
    page by page. On a CPU this costs at least an eighth of a training step. Kept memory raises the peak only by the
    gaps between tensors, and is held until the process ends.

    Returns:
        Whether the setting took effect. It does not with another C library, nor where the environment configures
        glibc's allocator.
    """
    if any(name in os.environ for name in ENVIRONMENT):
        return False
    mallopt = _glibc_function("mallopt")
    return mallopt is not None and bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, -1))


def release_freed_memory() -> None:
    """Returns kept memory to the system, so that the size of the process is what it uses. No effect without glibc."""
    trim = _glibc_function("malloc_trim")
    if trim is not None:
        trim(0)


def _glibc_function(name: str) -> Callable[..., int] | None:
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):  # musl and macOS; no dynamic loader; Windows
        return None
    return function
