"""Which classes the training images have: repeat factors and automatic class weights follow from one look at them."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segkit.config.sections import TrainingSplit
from segkit.data.class_scan import ClassScan, scan_classes
from segkit.data.sampling import annotation_counts, order_of
from segkit.data.tally import Tally
from segkit.errors import DataError
from segkit.registries import Dataset
from segkit.runtime.image_bar import image_bar
from segkit.runtime.processes import gather

MOST_IMAGES = 1000
"""Images that are read for counts alone."""

_SHOWN = 10
"""Bad images in one message."""


class TrainingClasses:
    """The classes of the images of `data.train`, and their numbers of segments and pixels.

    What a dataset knows from its annotations is taken from there. For the rest, images are read when something of it
    is first asked for, with a progress bar: all images if the split has a `repeat_threshold`, else up to 1000 that are
    spread over the dataset. Every process must ask for the same, since each reads a share.

    Args:
        dataset: That of `split`.
        split: `data.train`.
        rank: Number of this process, from 0.
        num_processes: Processes of the training.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> split = TrainingSplit(dataset={"type": "shapes"}, workers=0)
        >>> TrainingClasses(Shapes(length=9), split).segments.tolist()
        [9, 1, 4, 4, 7, 9, 10, 4]
    """

    def __init__(self, dataset: Dataset, split: TrainingSplit, rank: int = 0, num_processes: int = 1) -> None:
        self.dataset = dataset
        self._split = split
        self._rank = rank
        self._num_processes = num_processes
        self._counts = annotation_counts(dataset)

    @property
    def of_images(self) -> Sequence[Sequence[int]]:
        """For each image, the different classes of its segments, crowds excluded; none of an image that cannot be read.

        Raises:
            DataError: Images cannot be read, and `on_bad_sample` does not skip them.
        """
        if self._counts is not None and self._counts.image_classes is not None:
            return self._counts.image_classes
        return [self._scan.classes.get(index, []) for index in range(len(self.dataset))]

    @property
    def segments(self) -> NDArray[np.int64]:
        """(K,) segments of each class, crowds excluded.

        Raises:
            DataError: Images cannot be read, and `on_bad_sample` does not skip them.
        """
        return self._scan.tally.segments if self._counts is None else np.array(self._counts.segments)

    @property
    def pixels(self) -> NDArray[np.int64]:
        """(K,) pixels of each class.

        Raises:
            DataError: Images cannot be read, and `on_bad_sample` does not skip them.
        """
        return self._scan.tally.pixels

    @cached_property
    def _scan(self) -> ClassScan:
        needs_all = self._split.repeat_threshold is not None
        if self._counts is not None and self._counts.image_classes is not None:
            needs_all = False
        indices = range(len(self.dataset)) if needs_all else order_of(self.dataset)[:MOST_IMAGES]
        own = indices[self._rank :: self._num_processes]
        with image_bar("reading data.train", len(indices), self._rank, self._num_processes) as advance:
            found = scan_classes(
                self.dataset, own, self._split.workers, advance, section="data.train", timeout=self._split.timeout
            )
        whole = ClassScan(Tally(len(self.dataset.classes)))
        for part in gather(found):
            whole.add(part)
        if whole.bad and self._split.on_bad_sample == "stop":
            lines = [one.error for one in whole.bad[:_SHOWN]]
            raise DataError("\n".join([*lines, f"{len(whole.bad)} of {len(indices)} images of data.train are bad."]))
        return whole
