"""Runs the steps of a preparation: each writes one file, and those that exist are left, so that it can be restarted."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from segkit.data.listing import list_tree
from segkit.data.paths import dataset_folder
from segkit.errors import DataError
from segkit.runtime.writing import replace_file


@dataclass(frozen=True)
class Step:
    """A file and what writes it."""

    output: Path
    write: Callable[[Path], None]
    """Writes the file under another name; it gets its own once it is complete."""


@dataclass(frozen=True)
class LastStep(Step):
    """A file about all others of a split."""

    is_done: Callable[[], bool]
    """Whether it is there, maybe from another program, and about all images found. Then the split needs no step.

    Raises DataError where it is there, but is not whole.
    """


@dataclass(frozen=True)
class Split:
    """The steps of one split."""

    name: str
    images: int
    """Images found."""
    published: int
    """Images that the published dataset has."""
    steps: Sequence[Step]
    last: LastStep | None = None


def run_steps(splits: Sequence[Split]) -> list[str]:
    """Runs all steps, and returns a line about each split.

    Raises:
        DataError: a published file cannot be read, or does not fit the others.
        WriteError: a file cannot be written.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "a.txt"
        >>> step = Step(file, lambda draft: draft.write_text("made") and None)
        >>> run_steps([Split("train", images=1, published=2, steps=[step])])
        ['train: 1 image, but the published dataset has 2: some are missing', 'written: 1 file, 0 were there']
    """
    written = 0
    total = sum(len(split.steps) for split in splits)
    with _progress(total) as advance:
        for split in splits:
            done = split.last is not None and split.last.is_done()
            for step in split.steps:
                if not done and not step.output.exists():
                    _write(step)
                    written += 1
                advance()
            if split.last is not None and not done:
                _write(split.last)
    counts = f"written: {_counted(written, 'file')}, {total - written} were there"
    return [*map(_described, splits), counts]


def _write(step: Step) -> None:
    with replace_file(step.output) as draft:
        step.write(draft)


def _described(split: Split) -> str:
    found = f"{split.name}: {_counted(split.images, 'image')}"
    if split.images == split.published:
        return f"{found}, as published"
    more = "some are missing" if split.images < split.published else "some are not of it"
    return f"{found}, but the published dataset has {split.published}: {more}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    columns = (TextColumn("prepare"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    # Elsewhere than on a terminal, even a bar that vanishes leaves an empty line.
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("prepare", total=total)
        yield lambda: progress.advance(task)


def images_of(folder: str, suffix: str) -> list[Path]:
    """Returns the files below a folder of a dataset whose names end in `suffix`, in the order of names.

    Raises:
        DataError: the folder does not exist, or has none.
    """
    path = dataset_folder(folder)
    found = [file for file in list_tree(path).images if file.name.endswith(suffix)]
    if not found:
        raise DataError(
            f"{path}: there is no file with a name that ends in '{suffix}'. Unpack the published archive again."
        )
    return found


def require_file(file: Path, image: Path) -> Path:
    """Returns `file`, which belongs to an image.

    Raises:
        DataError: it does not exist.
    """
    if not file.is_file():
        raise DataError(f"{file}: there is no such file, but an image {image}. Unpack the published archive again.")
    return file
