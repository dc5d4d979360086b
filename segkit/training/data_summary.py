"""What a training and its evaluations really see: `data_summary.json` of a run, and warnings where it is suspicious."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from segkit.data.findings import is_certain, name_classes, nothing_annotated, suspicions
from segkit.data.sampling import DatasetSample
from segkit.data.tally import Tally
from segkit.errors import DataError
from segkit.runtime.processes import gather
from segkit.runtime.writing import Json, replace_file
from segkit.training.transform_look import emptied_by_transforms


class DataSummary:
    """What the datasets hold and what the model has learned from so far.

    Batches are counted where they are loaded. Every process adds up the counts of its own, and `update` those of all.

    Args:
        train: A sample of `data.train`.
        val: A sample of `data.val`, if there is one.
        built: What the datasets warned of while they were built. It has been shown then.
        path: Where the summary is written, by the main process alone; None writes nothing.
        start: The step from which on batches are counted: 0, or that of the checkpoint where a training is resumed.
        num_queries: The most segments that the model can learn from one image; None if there is no such number.
        epoch_length: Images of an epoch; by default those of `train`, each once.
        transformed: Counts of some images of `data.train` after the transforms, if they were looked at.

    Raises:
        DataError: The training data have nothing to learn from.
    """

    def __init__(
        self,
        train: DatasetSample,
        val: DatasetSample | None = None,
        *,
        built: Sequence[str] = (),
        path: Path | None = None,
        start: int = 0,
        num_queries: int | None = None,
        epoch_length: int | None = None,
        transformed: Tally | None = None,
    ) -> None:
        self.train = train
        self.val = val
        self.evaluated: Tally | None = None
        """Of the targets of the last evaluation, over all processes."""
        emptied = "" if transformed is None else emptied_by_transforms(transformed, train.tally)
        self.warnings = [*_first_warnings(train, val, num_queries), *([emptied] if emptied else [])]
        """All so far but those of `built`. The first ones are those about the datasets and the transforms."""
        self._built = built
        self._own = Tally(len(train.classes))
        self._learned = self._own
        self._path = path
        self._start = self._step = start
        self._epoch_length = epoch_length or train.length
        self._warned_of_transforms, self._warned_of_classes = bool(emptied), False

    def lines(self) -> list[str]:
        """Returns what is shown before the first step: a line per dataset, and the warnings."""
        shown = [f"data.train: {self.train.in_words()}"]
        if self.val is not None:
            shown.append(f"data.val: {self.val.in_words()}")
        return [*shown, *(f"warning: {text}" for text in self.warnings)]

    def add(self, tally: Tally) -> None:
        """Adds the counts of a batch that the model learns from."""
        self._own.add_tally(tally)

    def update(self, step: int) -> list[str]:
        """Adds up the counts of all processes, writes the file and returns new warnings.

        All processes must call it at the same point, because they communicate.
        """
        first, *others = gather(self._own)
        self._learned = first.merge(others)
        self._step = step
        new = [text for text in self._new_warnings() if text]
        self.warnings += new
        self.write()
        return [f"warning: {text}" for text in new]

    def _new_warnings(self) -> list[str]:
        """Returns what is to be said about the batches so far, each once; numbers in the text may change later."""
        found = []
        if not self._warned_of_transforms and (emptied := emptied_by_transforms(self._learned, self.train.tally)):
            self._warned_of_transforms = True
            found.append(emptied)
        # After a start within an epoch, any number of images short of two epochs may lack one of them.
        epoch = self._epoch_length if self._start == 0 else 2 * self._epoch_length
        if not self._warned_of_classes and self._learned.images >= epoch:
            self._warned_of_classes = True
            found.append(_never_learned(self._learned, self.train))
        return found

    def write(self) -> None:
        """Writes `data_summary.json`."""
        if self._path is None:
            return
        classes = self.train.classes
        values: dict[str, Json] = {"train": self.train.to_dict()}
        if self.val is not None:
            values["val"] = self.val.to_dict()
        values["learned"] = {"from_step": self._start, "to_step": self._step, **self._learned.to_dict(classes)}
        if self.val is not None and self.evaluated is not None:
            values["evaluated"] = self.evaluated.to_dict(self.val.classes)
        values["warnings"] = [*dict.fromkeys([*self._built, *self.warnings])]
        with replace_file(self._path) as draft:
            draft.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _first_warnings(train: DatasetSample, val: DatasetSample | None, num_queries: int | None) -> list[str]:
    """Returns the warnings about the datasets.

    Raises:
        DataError: The training data certainly have nothing to learn from.
    """
    nothing = nothing_annotated(train)
    if nothing and is_certain(train):
        raise DataError(f"data.train: nothing can be learned: {nothing}")
    found = [f"data.train: {text}" for text in ([nothing] if nothing else suspicions(train, num_queries))]
    if val is not None:
        empty = nothing_annotated(val)
        found += [f"data.val: {text}" for text in ([f"nothing can be measured: {empty}"] if empty else suspicions(val))]
    return found


def _never_learned(learned: Tally, train: DatasetSample) -> str:
    """Names the classes that occurred in no batch of an epoch, unless they have been named before the first step."""
    missing = set(learned.absent)
    if is_certain(train):
        counts = train.counts.segments if train.counts is not None else train.tally.segments.tolist()
        missing -= {index for index, count in enumerate(counts) if count == 0}
    if not missing:
        return ""
    names = [train.classes.names[index] for index in sorted(missing)]
    return (
        f"data.train: in a whole epoch, the model has seen no segment of {name_classes(names, len(train.classes))}. "
        "Check the annotations, and that the transforms do not remove them."
    )
