"""Runs the steps of a preparation: each writes one file, and those that exist are left, so that it can be restarted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from segkit.data.listing import list_tree
from segkit.data.paths import dataset_folder
from segkit.data.problems import Problems
from segkit.errors import DataError
from segkit.runtime.writing import replace_file


@dataclass(frozen=True)
class Step:
    """A file and what writes it."""

    output: Path
    write: Callable[[Path], None]
    """Writes the file under another name; it gets its own once it is complete."""

    sources: Mapping[Path, str] = field(default_factory=dict)
    """The published files that it needs, and what shows that each should be there, such as `an image a.jpg`."""


@dataclass(frozen=True, kw_only=True)
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


def run_steps(name: str, splits: Sequence[Split]) -> list[str]:
    """Runs all steps, and returns a line about each split.

    Raises:
        DataError: published files are missing, which is found before anything is written; or some cannot be read or do
            not fit the others, which is told once all that can be written is there.
        WriteError: a file cannot be written.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "a.txt"
        >>> step = Step(file, lambda draft: draft.write_text("made") and None)
        >>> run_steps("data", [Split("train", images=1, published=2, steps=[step])])
        ['train: 1 image, but the published dataset has 2: some are missing', 'written: 1 file, 0 were there']
    """
    _require_sources(name, splits)
    problems = Problems(Path(name))
    written = 0
    total = sum(len(split.steps) for split in splits)
    with _progress(total) as advance:
        for split in splits:
            done = split.last is not None and split.last.is_done()
            for step in split.steps:
                if not done and not step.output.exists():
                    written += _write(step, problems)
                advance()
            if split.last is not None and not done and not problems.count:
                _write(split.last, problems)
    problems.raise_any()
    counts = f"written: {_counted(written, 'file')}, {total - written} were there"
    return [*map(_described, splits), counts]


def _require_sources(name: str, splits: Sequence[Split]) -> None:
    problems = Problems(Path(name))
    sources = {file: reason for split in splits for step in split.steps for file, reason in step.sources.items()}
    for file, reason in sources.items():
        if not file.is_file():
            problems.of(file).add(f"there is no such file, but {reason}. Unpack the published archive again.")
    problems.raise_any()


def _write(step: Step, problems: Problems) -> bool:
    """Writes a file and returns whether that went well."""
    try:
        with replace_file(step.output) as draft:
            step.write(draft)
    except DataError as error:
        problems.take(error)
        return False
    return True


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


def files_of(image: Path, *files: Path) -> dict[Path, str]:
    """Returns files as the sources of a step that belong to an image."""
    return dict.fromkeys(files, f"an image {image}")
