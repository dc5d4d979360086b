"""A dataset cut to its first samples, for the setting `limit`."""

import warnings

from segkit.errors import counted
from segkit.registries import Dataset
from segkit.types import Sample


class Limit:
    """The first `count` samples of a dataset.

    Args:
        dataset: Any dataset.
        count: Number of samples; a larger number than the dataset has keeps all.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> len(Limit(Shapes(length=100), 3))
        3
    """

    def __init__(self, dataset: Dataset, count: int) -> None:
        self.dataset = dataset
        self.classes = dataset.classes
        self.count = max(0, min(count, len(dataset)))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        # Iteration over a sequence ends with IndexError.
        if not 0 <= index < self.count:
            raise IndexError(index)
        return self.dataset[index]


def limited(dataset: Dataset, count: int, section: str) -> Limit:
    """Cuts a dataset to its first `count` samples. Warns where it has fewer.

    Args:
        dataset: Any dataset.
        count: Number of samples.
        section: Where the config sets it, for the warning: `data.train` or `data.val`.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> len(limited(Shapes(length=100), 3, "data.val"))
        3
    """
    if count > len(dataset):
        warnings.warn(
            f"{section}.limit: {count} has no effect: the dataset has {counted(dataset, 'image')}. Remove it, or "
            "lower it.",
            stacklevel=3,
        )
    return Limit(dataset, count)


def without_limit(dataset: Dataset) -> Dataset:
    """Returns the dataset itself where it is cut by `limit`, whose samples have the same indices in both.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> len(without_limit(Limit(Shapes(length=100), 3)))
        100
    """
    return dataset.dataset if isinstance(dataset, Limit) else dataset
