"""The progress bar of a training."""

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text


class ProgressBar(Progress):
    """A bar as wide as the terminal, with steps, times and speed, and lines of losses below it.

    Args:
        steps: Optimizer steps of the whole training.
        start: Steps done before.
        console: Where it is shown.
        shown: False shows nothing.
    """

    def __init__(self, steps: int, start: int, console: Console, shown: bool) -> None:
        self._below = ""
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[speed]}"),
            console=console,
            disable=not shown,
            expand=True,
        )
        self._training = self.add_task("training", total=steps, completed=start, speed="")

    def advance_to(self, step: int) -> None:
        """Moves the bar."""
        self.update(self._training, completed=step)

    def show(self, below: str, images_per_second: float) -> None:
        """Replaces the lines below the bar, one for each ` | ` in `below`, and the speed."""
        self._below = below.replace(" | ", "\n")
        self.update(self._training, speed=f"{images_per_second:.1f} images/s")

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yields what rich draws."""
        yield from super().get_renderables()
        yield Text(self._below)
