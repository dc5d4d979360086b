"""`data.train.repeat_threshold`: the repeat factors of the images of a training, and the file that keeps them."""

import json
import math
from collections.abc import Sequence
from typing import Any

from segkit.config.sections import TrainingSplit
from segkit.data.repeat_factors import epoch_length, repeat_factors
from segkit.errors import CheckpointError, cause_of, counted
from segkit.runtime.integrity import require_intact
from segkit.runtime.reading import read_json
from segkit.runtime.writing import replace_file
from segkit.training.run_folder import RESTORE, RunFolder
from segkit.training.training_classes import TrainingClasses


def factors_of_run(
    run: RunFolder, split: TrainingSplit, classes: TrainingClasses, *, resume: bool, rank: int = 0
) -> list[float] | None:
    """Returns the repeat factors of the images of a training, None where `split` has no threshold.

    A new training writes the factors to `repeat_factors.json`. A resumed one takes them from there, so that its order
    stays. Every process must call it.

    Args:
        run: The run folder.
        split: `data.train`.
        classes: Of the images of `split`.
        resume: Whether the training goes on.
        rank: Number of this process, from 0.

    Raises:
        DataError: Images cannot be read, and `on_bad_sample` does not skip them.
        CheckpointError: The file is missing or damaged, or has another number of images.
        WriteError: The file cannot be written.
    """
    if split.repeat_threshold is None:
        return None
    if resume:
        return read_factors(run, len(classes.dataset))
    factors = repeat_factors(classes.of_images, len(classes.dataset.classes), split.repeat_threshold)
    if rank == 0:
        with replace_file(run.repeat_factors) as draft:
            draft.write_text(json.dumps(factors) + "\n", encoding="utf-8")
    return factors


def read_factors(run: RunFolder, num_images: int) -> list[float]:
    """Returns the repeat factors that a training has written.

    Raises:
        CheckpointError: The file is missing or damaged, or has another number of images.
    """
    if run.repeat_factors.is_file():
        require_intact(run.repeat_factors, RESTORE)
    try:
        values: Any = read_json(run.repeat_factors)
        factors = [float(value) for value in values]
        if len(factors) != num_images or not all(1 <= value < math.inf for value in factors):
            raise ValueError(f"it must list a number of 1 or more for each of the {counted(num_images, 'image')}")
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{run.repeat_factors}: does not tell how often each image comes ({cause_of(error)}), so the order of the "
            "images is unknown. Restore the file, or start a new training with init_from."
        ) from error
    return factors


def repeats_in_words(factors: Sequence[float] | None, threshold: float | None) -> list[str]:
    """Returns a line about the factors of a training, if it has some.

    Example:
        >>> repeats_in_words([1.0, 1.0, 2.5], 0.4)
        ['data.train.repeat_threshold: 1 of 3 images come more often, up to 2.5 times; an epoch has 5 images']
        >>> repeats_in_words([1.0, 1.0], 0.01)[0].partition(". ")[0]
        'warning: data.train.repeat_threshold: 0.01 has no effect: each class is in a larger share of the images'
    """
    if factors is None:
        return []
    more = sum(factor > 1 for factor in factors)
    if not more:
        return [
            f"warning: data.train.repeat_threshold: {threshold} has no effect: each class is in a larger share of the "
            "images. Raise or remove it."
        ]
    return [
        f"data.train.repeat_threshold: {more} of {len(factors)} images come more often, up to {max(factors):.1f} "
        f"times; an epoch has {counted(epoch_length(factors), 'image')}"
    ]
