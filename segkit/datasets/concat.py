"""The dataset `concat`, several datasets one after the other."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import torch

from segkit.classes import Classes
from segkit.data.limit import Limit
from segkit.data.sampling import annotation_counts
from segkit.datasets._label_ids import IDS
from segkit.datasets._same_classes import same_classes
from segkit.errors import DataError, join_first
from segkit.registries import DATASETS, AnnotationCounts, Dataset, ExplainedDataset
from segkit.types import PixelFormat, Sample, pixel_format_of


@DATASETS.register("concat")
class Concat:
    """Several datasets one after the other, with one class list.

    Classes are matched by their names, in whatever order each dataset has them. The datasets must have the same names,
    unless `classes` lists all of them: a class that only some datasets annotate is background in the images of the
    others. Colors, ids and kinds of the classes are those of the first dataset that has them. Images must have the same
    channels and type.

    Args:
        classes: All class names, in their order. By default those of the first dataset, which all others must have.

    Raises:
        DataError: there is no dataset, or the class lists or the channels of the images differ.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> dataset = Concat([Shapes(length=3), Shapes(length=2, seed=1)])
        >>> len(dataset), dataset[3].image_id
        (5, '2/shapes_1_00000')
    """

    def __init__(self, datasets: Sequence[Dataset], *, classes: list[str] | None = None) -> None:
        if not datasets:
            raise DataError("concat: datasets: the list is empty. Name at least one dataset.")
        self._datasets = list(datasets)
        self.pixel_format = _one_format(datasets)
        self._ends = list(accumulate(map(len, datasets)))
        names = [f"dataset {number} of concat" for number in range(1, len(datasets) + 1)]
        if classes is None:
            self.classes = datasets[0].classes
            remedy = (
                "Rename or choose the classes in the datasets, or list all of them in 'classes' of concat: a class "
                "that "
                "a dataset lacks is then background in its images."
            )
            maps = [
                same_classes(self.classes, dataset.classes, (names[0], name), remedy)
                for dataset, name in zip(datasets, names, strict=True)
            ]
        else:
            self.classes = _joined(classes, [dataset.classes for dataset in datasets])
            maps = [[self.classes.index(name) for name in dataset.classes.names] for dataset in datasets]
        self._label_of = [torch.tensor(one, dtype=torch.int64) for one in maps]
        """For each dataset, the class index of each of its class indices."""
        self._num_tables: list[int] = list(map(_num_tables, datasets))
        """For each dataset, how many tables of pixels by id it needs."""

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Sample:
        """Returns a sample. Its id is that of the dataset, with the number of the dataset in front."""
        # Iteration over a sequence ends with IndexError.
        if not 0 <= index < len(self):
            raise IndexError(index)
        number, place = self._place(index)
        sample = self._datasets[number][place]
        target = sample.target
        if target is not None:
            target = replace(target, labels=self._label_of[number][target.labels])
        return replace(sample, target=target, image_id=f"{number + 1}/{sample.image_id}")

    def _place(self, index: int) -> tuple[int, int]:
        """Returns the number of the dataset of a sample, and its index there."""
        number = bisect_right(self._ends, index)
        return number, index - (self._ends[number] - len(self._datasets[number]))

    def stored_ids(self, index: int) -> npt.NDArray[np.int64]:
        """Counts the pixels of each id in the label file of a sample, apart for each dataset.

        Returns:
            (D, 65536) number of pixels by id, for each of the D datasets that can explain them.

        Raises:
            DataError: The file cannot be read.
        """
        number, place = self._place(index)
        dataset, start = self._datasets[number], sum(self._num_tables[:number])
        pixels = np.zeros((sum(self._num_tables), IDS), dtype=np.int64)
        if isinstance(dataset, ExplainedDataset):
            pixels[start : start + self._num_tables[number]] = dataset.stored_ids(place)
        return pixels

    def explain(self, pixels: npt.NDArray[np.int64]) -> str:
        """Says what each dataset finds odd about the ids in its label files.

        Args:
            pixels: (D, 65536) number of pixels by id, the sum of `stored_ids` over samples.

        Returns:
            A warning in words, empty where nothing is odd.
        """
        found: list[tuple[int, str]] = []
        start = 0
        for number, (dataset, count) in enumerate(zip(self._datasets, self._num_tables, strict=True), start=1):
            own, start = pixels[start : start + count], start + count
            if isinstance(dataset, ExplainedDataset):
                found.append((number, dataset.explain(own if isinstance(dataset, Concat) else own[0])))
        return " ".join(f"dataset {number} of concat: {text}" for number, text in found if text)

    def annotation_counts(self, images: int) -> AnnotationCounts | None:
        """Counts the annotations of the first `images` images, where all datasets know theirs."""
        segments = np.zeros(len(self.classes), dtype=np.int64)
        crowds = most = 0
        present: list[Sequence[int]] | None = []
        crowd_classes: set[int] = set()
        for dataset, label_of in zip(self._datasets, self._label_of, strict=True):
            counts = annotation_counts(Limit(dataset, images))
            if counts is None:
                return None
            np.add.at(segments, label_of.numpy(), counts.segments)
            crowd_classes |= set(label_of[list(counts.crowd_classes)].tolist())
            crowds, most = crowds + counts.crowds, max(most, counts.most_segments)
            if present is not None and counts.image_classes is not None:
                present += [label_of[list(labels)].tolist() for labels in counts.image_classes]
            else:
                present = None
            images -= len(dataset)
        return AnnotationCounts(segments.tolist(), crowds, most, present, crowd_classes)


def _one_format(datasets: Sequence[Dataset]) -> PixelFormat:
    formats = [pixel_format_of(dataset) for dataset in datasets]
    for number, other in enumerate(formats, start=1):
        if other != formats[0]:
            raise DataError(
                f"concat: datasets: dataset {number} has images of {other}, but dataset 1 of {formats[0]}. A model "
                "takes images of one kind: choose datasets of the same channels and type."
            )
    return formats[0]


def _num_tables(dataset: Dataset) -> int:
    """Returns how many tables of pixels by id a dataset needs: its parts may mean other classes by an id."""
    if isinstance(dataset, Concat):
        return sum(map(_num_tables, dataset._datasets))
    return int(isinstance(dataset, ExplainedDataset))


def _joined(names: list[str], lists: Sequence[Classes]) -> Classes:
    """Returns the classes of these names, each as the first list that has it."""
    for number, classes in enumerate(lists, start=1):
        other = [name for name in classes.names if name not in names]
        if other:
            raise DataError(
                f"concat: classes: {join_first([repr(name) for name in other])} of dataset {number} is not listed. "
                "Add it, or choose the classes in that dataset."
            )
    places = [(classes, classes.names.index(name)) for name in names for classes in _first(name, lists)]
    ids = [classes.ids[place] for classes, place in places]
    written = tuple(classes.json_ids[place] for classes, place in places)
    differ = len(set(ids)) == len(set(written)) == len(ids)
    joined = Classes.make(
        names,
        [classes.things[place] for classes, place in places],
        [classes.colors[place] for classes, place in places],
        ids if differ else None,
    )
    return replace(joined, written_ids=written) if differ else joined


def _first(name: str, lists: Sequence[Classes]) -> list[Classes]:
    """Returns the first list that has a name, as the only item."""
    found = [classes for classes in lists if name in classes.names][:1]
    if not found:
        raise DataError(f"concat: classes: no dataset has the class '{name}'. Correct or remove it.")
    return found
