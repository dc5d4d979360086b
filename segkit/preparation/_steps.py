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
from segkit.errors import DataError, counted
from segkit.runtime.writing import replace_file

_IN_PART = "prepared in part. Unpack the missing images and prepare it again; until then, a training uses the others."


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
        ['train: 1 image of the 2 published: 1 missing', 'written: 1 file, 0 were there', 'data: prepared in part. \
Unpack the missing images and prepare it again; until then, a training uses the others.']
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
    counts = f"written: {counted(written, 'file')}, {total - written} were there"
    in_part = any(split.images < split.published for split in splits)
    return [*map(_described, splits), counts, *([f"{name}: {_IN_PART}"] if in_part else [])]


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
    found = f"{split.name}: {counted(split.images, 'image')}"
    more = split.images - split.published
    if more < 0:
        return f"{found} of the {split.published} published: {-more} missing"
    return f"{found}, {f'{more} more than ' if more else 'as '}published"


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
