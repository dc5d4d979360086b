"""A sample that transforms are applied to."""

from collections.abc import Iterable

from segkit.errors import DataError
from segkit.registries import Transform
from segkit.types import Sample


def transformed(sample: Sample, transforms: Iterable[Transform]) -> Sample:
    """Applies transforms in order.

    Raises:
        DataError: A transform refuses the sample. The message begins with its file.

    Example:
        >>> import torch
        >>> from segkit.transforms.resize import Resize
        >>> sample = Sample(torch.zeros(3, 4, 8, dtype=torch.uint8), None, "a.png", "a")
        >>> transformed(sample, [Resize(size=[2, 4])]).size
        (2, 4)
    """
    file = sample.file
    try:
        for transform in transforms:
            sample = transform(sample)
    except DataError as error:
        if str(error).startswith(file):
            raise
        raise DataError(f"{file}: {error}") from error
    return sample
