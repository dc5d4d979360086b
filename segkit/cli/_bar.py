"""The progress bar of a prediction, with its speed."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text

Item = TypeVar("Item")


class _Speed(ProgressColumn):
    """Images or frames per second of this process."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """Returns what is shown."""
        return Text("" if task.speed is None else f"{task.speed:.2f} {self._unit}/s")


def track_images(outcomes: Iterable[Item], total: int | None, shown: bool, unit: str = "images") -> Iterator[Item]:
    """Yields the outcomes, and shows how many there were, where the output is a terminal.

    Args:
        outcomes: One for each image.
        total: Number of images; None where it is not known.
        shown: False shows nothing.
        unit: What is counted.

    Example:
        >>> list(track_images(["a", "b"], total=2, shown=False))
        ['a', 'b']
    """
    console = Console(markup=False)
    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), _Speed(unit)
    with Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as bar:
        yield from bar.track(outcomes, total=total, description="predicting")
