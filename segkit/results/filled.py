"""Results are not written among others: old ones would be replaced or mixed with new ones without a word."""

from collections.abc import Iterable
from pathlib import Path

from segkit.errors import DataError
from segkit.results.targets import TASKS, Task

_WRITTEN: dict[Task, tuple[str, ...]] = {
    "semantic": ("semantic",),
    "instance": ("instances.json", "instance"),
    "panoptic": ("panoptic", "panoptic.json"),
}
"""What `ResultWriter` writes."""

_RECORDED = ("overlays/*_{0}.png", "{0}_[0-9]*.zip", "{0}_[0-9]*.tar", "manifest_{0}*.jsonl")
"""What a prediction writes beside it."""


def refuse_filled(
    folder: Path, result_types: Iterable[type], remedy: str = "Give another --output, or remove them."
) -> None:
    """Checks that a folder has no results of these types. Those of other types may be there.

    Args:
        folder: It need not exist.
        result_types: Of the results that shall be written.
        remedy: What to do, a sentence.

    Raises:
        DataError: It has some.

    Example:
        >>> from segkit.types import SemanticResult
        >>> refuse_filled(Path("no_such_folder"), [SemanticResult])
    """
    for task in (TASKS[result_type] for result_type in result_types):
        names = [*_WRITTEN[task], *(pattern.format(task) for pattern in _RECORDED)]
        found = next((path for name in names for path in sorted(folder.glob(name))), None)
        if found is not None:
            raise DataError(f"{folder}: holds {task} results already ({found.relative_to(folder)}). {remedy}")
