"""A look at the datasets of a training before its first step: what they hold, and files that cannot be used."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from segkit.build import build_dataset
from segkit.config.sections import Split, TrainingSplit
from segkit.data.quick_read import quick_read, read_unread
from segkit.data.sampling import DatasetSample, sample_dataset
from segkit.data.survey import BadImage
from segkit.errors import DataError
from segkit.registries import Dataset
from segkit.runtime.processes import gather

SECONDS = 10.0
"""How long each dataset is read, beyond its sample. Small ones are read whole."""

_SHOWN = 10
"""Problems in one message: thousands of lines would hide the first."""


def first_look(
    dataset: Dataset, section: str, split: Split, *, seconds: float = SECONDS, rank: int = 0, num_processes: int = 1
) -> DatasetSample:
    """Takes a sample of a dataset, and reads further images as long as there is time. Every process must call it.

    Args:
        dataset: That of `split`.
        section: `data.train` or `data.val`, for messages.
        split: The section.
        seconds: The time to read further images.
        rank: Number of this process, from 0.
        num_processes: Processes that share them.

    Returns:
        The sample, with the bad ones of all images that were read.

    Raises:
        DataError: An image is not loaded in time, or a worker has ended.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> first_look(Shapes(length=70), "data.train", Split(workers=0)).in_words()
        '64 of 70 images: 8 of 8 classes, 5.1 segments per image (at most 7), 2 % void; 70 of 70 can be read'
    """
    sample = sample_dataset(dataset, section, split.timeout)
    known = [*sample.indices, *(one.index for one in sample.bad)]
    if seconds <= 0 or len(known) == len(dataset):
        return sample
    found = quick_read(
        dataset,
        seconds,
        skip=known,
        workers=split.workers,
        section=section,
        timeout=split.timeout,
        rank=rank,
        num_processes=num_processes,
    )
    parts = gather(found)
    bad = [*sample.bad, *(one for _, part in parts for one in part)]
    return replace(sample, bad=tuple(bad), also_read=sum(sound for sound, _ in parts))


@contextmanager
def all_problems(train: TrainingSplit, val: Split | None, seconds: float = SECONDS) -> Iterator[None]:
    """Adds to an error of building a dataset what else is wrong with both, so that all of it can be mended at once.

    Args:
        train: The section `data.train`.
        val: The section `data.val`, if there is one.
        seconds: The time to read the images of each.

    Raises:
        DataError: A dataset cannot be built. The message has the problems of both, and those of their images.

    Example:
        >>> with all_problems(TrainingSplit(dataset={"type": "mask_folder"}), None, seconds=0):
        ...     pass
    """
    try:
        yield
    except DataError as error:
        shown, lines = str(error).splitlines(), list(error.lines)
        for section, split in (("data.train", train), ("data.val", val)):
            if split is not None:
                more = _problems(section, split, seconds)
                shown += more
                lines += more
        raise DataError("\n".join(dict.fromkeys(shown)), list(dict.fromkeys(lines))) from None


def _problems(section: str, split: Split, seconds: float) -> list[str]:
    """Returns what is wrong with a dataset: the problems of its annotations, and the first ones of its images."""
    lines, bad = list[str](), list[BadImage]()
    numbers: dict[str, Any] = {"workers": split.workers, "section": section, "timeout": split.timeout}
    reads = not (isinstance(split, TrainingSplit) and split.on_bad_sample == "skip")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are told where the dataset is built first
        try:
            try:
                dataset = build_dataset(split)
                bad = quick_read(dataset, seconds, **numbers)[1] if reads else []
            except DataError as error:
                lines += str(error).splitlines()
                bad = read_unread(error, seconds, **numbers) if reads else []
        except DataError as error:  # a loading process hangs
            lines.append(str(error))
    found = list(dict.fromkeys(one.error for one in bad))
    more = [f"{section}: and {len(found) - _SHOWN} more."] if len(found) > _SHOWN else []
    return [*lines, *found[:_SHOWN], *more]


def refuse_bad(looks: dict[str, DatasetSample]) -> None:
    """Checks that all images that were read can be used.

    Args:
        looks: By split (`data.train`, `data.val`).

    Raises:
        DataError: Some cannot. The message has a line for each of the first ten, those of all datasets together, and
            says how many there are of each. What the ids in label files may mean follows them.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> refuse_bad({"data.train": first_look(Shapes(length=2), "data.train", Split())})
    """
    # Of a dataset that is trained and evaluated on, each problem is shown once.
    lines = list(dict.fromkeys(one.error for look in looks.values() for one in look.bad))
    if not lines:
        return
    more = len(lines) - _SHOWN
    read = ", ".join(f"{len(look.bad)} of {_read(look)} images of {split}" for split, look in looks.items() if look.bad)
    ids = [f"{split}: {look.stored_ids}" for split, look in looks.items() if look.stored_ids and _has_unknown_ids(look)]
    rest = f"and {more} more; " if more > 0 else ""
    raise DataError(
        "\n".join(
            [*lines[:_SHOWN], *ids, f"{rest}{read} that were read are bad. `segkit check --data CONFIG` reads all."]
        )
    )


def _has_unknown_ids(look: DatasetSample) -> bool:
    return any(one.unknown_ids for one in look.bad)


def _read(look: DatasetSample) -> int:
    return look.tally.images + look.also_read + len(look.bad)
