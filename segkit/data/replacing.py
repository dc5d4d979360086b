"""Samples of a training that cannot be loaded, and the images that take their places."""

from dataclasses import dataclass

import numpy as np

from segkit.data.stream import Place, TrainingSamples
from segkit.errors import DataError
from segkit.runtime.seeds import REPLACEMENTS, derived_seed
from segkit.types import Sample

MOST_TRIES = 10
"""Images that are tried at one place of the stream. So many bad ones in a row are no matter of chance."""


@dataclass(frozen=True)
class BadSample:
    """A sample that could not be loaded."""

    position: int
    """Its place in the stream."""
    index: int
    """Of the image in the dataset."""
    error: str
    """What is wrong. It begins with the name of the file."""
    replacement: str
    """The file of the image that took its place."""


@dataclass(frozen=True)
class LoadedSample:
    """A sample, and those that could not be loaded in its place."""

    sample: Sample
    bad: tuple[BadSample, ...] = ()


class ReplacingSamples:
    """Samples by their place in the stream. Another image takes the place of one that cannot be loaded.

    Which one follows from (seed, position) alone, as everything in the stream does.

    Args:
        load: Loads the sample of a place.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> class FirstIsBroken(Shapes):
        ...     def __getitem__(self, index):
        ...         if index == 0:
        ...             raise DataError("0.png: broken.")
        ...         return super().__getitem__(index)
        >>> samples = ReplacingSamples(TrainingSamples(FirstIsBroken(length=2), [], seed=0))
        >>> loaded = samples((7, 0))
        >>> loaded.sample.image_id, loaded.bad[0].error
        ('shapes_0_00001', '0.png: broken.')
    """

    def __init__(self, load: TrainingSamples) -> None:
        self.load = load

    def __call__(self, place: Place) -> LoadedSample:
        """Returns the sample of a place.

        Raises:
            DataError: Ten images in a row cannot be loaded.
        """
        position, index = place
        errors: list[tuple[int, str]] = []
        while len(errors) < MOST_TRIES:
            try:
                sample = self.load((position, index))
            except DataError as error:
                errors.append((index, str(error)))
                draws = np.random.default_rng(derived_seed(self.load.seed, REPLACEMENTS, position, len(errors)))
                index = int(draws.integers(len(self.load.dataset)))
                continue
            return LoadedSample(sample, tuple(BadSample(position, *one, sample.file) for one in errors))
        raise DataError(
            f"data.train: {MOST_TRIES} images in a row cannot be loaded. Correct them. The last one: {errors[-1][1]}"
        )
