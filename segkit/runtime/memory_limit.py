"""How much memory the system lets this process have: that of the machine, or of its container or job."""

import re
from pathlib import Path

import psutil

from segkit.runtime.reading import read_utf8

_CGROUPS = Path("/sys/fs/cgroup")
"""Where Linux shows the groups of processes whose memory is limited, such as containers and jobs of Slurm."""

_OWN_GROUPS = Path("/proc/self/cgroup")

_FILES = {
    2: ("memory.max", "memory.current", "inactive_file"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
"""By version of cgroups: the limit, what is in use, and how `memory.stat` calls the part of it that can be freed."""


def memory_left() -> int:
    """Returns how many bytes this process can still take without being killed for it.

    Example:
        >>> memory_left() > 0
        True
    """
    limits = [left for folder, version in _groups() if (left := _left_in(folder, version)) is not None]
    return max(0, min([int(psutil.virtual_memory().available), *limits]))


def require_memory(needed: float) -> None:
    """Checks that there is enough memory for what is computed next.

    A system may hand out more memory than there is, and kill the process without a word when it is used.

    Args:
        needed: Bytes that it takes.

    Raises:
        MemoryError: There is not.

    Example:
        >>> require_memory(1000)
        >>> require_memory(1e18)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        MemoryError: it takes about 1000000000.0 GB, but ... GB are free
    """
    left = memory_left()
    if needed > left:
        raise MemoryError(f"it takes about {needed / 1e9:.1f} GB, but {left / 1e9:.1f} GB are free")


def _groups() -> list[tuple[Path, int]]:
    """Returns the folders of the groups that this process is in, with the version of cgroups. None outside of Linux."""
    try:
        lines = read_utf8(_OWN_GROUPS).splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            root = _CGROUPS / controllers
            # A limit holds for all groups below. Within a container, the path may be that outside of it.
            group = root / path.lstrip("/")
            inner = [group, *group.parents][: len(group.parts) - len(root.parts)]
            found += [(folder, 1 if controllers else 2) for folder in [*inner, root]]
    return found


def _left_in(folder: Path, version: int) -> int | None:
    """Returns the bytes that are left in a group; None where it has no limit."""
    limit_file, usage_file, freeable = _FILES[version]
    try:
        limit, usage = (read_utf8(folder / name).strip() for name in (limit_file, usage_file))
        cache = re.search(rf"^{freeable} (\d+)$", read_utf8(folder / "memory.stat"), re.MULTILINE)
        return int(limit) - int(usage) + (int(cache[1]) if cache else 0)
    except (OSError, ValueError):  # no such group here, or its limit is "max"
        return None
