"""A bar on the terminal while many images are read or evaluated."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress


@contextmanager
def image_bar(what: str, images: int, rank: int = 0, num_processes: int = 1) -> Iterator[Callable[[int], None]]:
    """Shows a bar on the terminal of the first process; it vanishes at the end. Elsewhere nothing is shown.

    Yields:
        What advances it by a number of images of this process.

    Args:
        what: What is done, such as `evaluating`.
        images: Of all processes.
        rank: Number of this process, from 0.
        num_processes: Processes that share the images.

    Example:
        >>> with image_bar("evaluating", images=2) as advance:
        ...     advance(1)
        ...     advance(1)
    """
    console = Console(markup=False)
    with Progress(console=console, transient=True, disable=rank > 0 or not console.is_terminal) as bar:
        task = bar.add_task(what, total=images)
        # The other processes are assumed to be as far as this one.
        yield lambda count: bar.advance(task, count * num_processes)
