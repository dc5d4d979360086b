"""What Linux tells of the processor."""

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def description(cpuinfo: Path = CPUINFO) -> str:
    """Returns Linux's description of the processor; an empty string where there is none.

    Example:
        >>> description(Path("no_such_file"))
        ''
    """
    return cpuinfo.read_text() if cpuinfo.is_file() else ""
