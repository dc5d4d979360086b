"""Reads a sample of a dataset, so that its errors tell which one."""

import re

from segkit.data.limit import without_limit
from segkit.errors import DataError
from segkit.registries import Dataset
from segkit.types import Sample

_FILE = re.compile(r".*(?:/|\\|\.[A-Za-z]\w*$)")
"""The beginning of a message that names a file."""


def read_sample(dataset: Dataset, index: int) -> Sample:
    """Returns `dataset[index]`.

    Datasets of segkit begin their messages with the file. For those of others that do not, the image is named here.

    Raises:
        DataError: The sample cannot be read.

    Example:
        >>> class Broken(list):
        ...     def __getitem__(self, index):
        ...         raise DataError("no mask.")
        >>> read_sample(Broken(), 7)
        Traceback (most recent call last):
            ...
        segkit.errors.DataError: image 7 of the dataset Broken: no mask.
    """
    try:
        return dataset[index]
    except DataError as error:
        if _FILE.match(str(error).partition(": ")[0]):
            raise
        raise DataError(f"{_described(dataset, index)}: {error}") from error
    except Exception as error:  # a fault in somebody's dataset, whose traceback is shown
        if hasattr(error, "add_note"):  # from Python 3.11 on
            error.add_note(f"raised by {_described(dataset, index)}")
        raise


def _described(dataset: Dataset, index: int) -> str:
    return f"image {index} of the dataset {type(without_limit(dataset)).__name__}"
