"""Runs of equal neighbors: a map of segments has far fewer runs than pixels, so counting by runs is fast."""

import numpy as np
import numpy.typing as npt


def run_starts(*lines: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Returns where runs begin, (R,), in which none of the lines (P,) changes its value.

    The first run begins at 0, even where there are no pixels.

    Example:
        >>> run_starts(np.array([7, 7, 7, 3]), np.array([1, 2, 2, 2])).tolist()
        [0, 1, 3]
    """
    changes = lines[0][1:] != lines[0][:-1]
    for line in lines[1:]:
        changes |= line[1:] != line[:-1]
    return np.append(0, np.flatnonzero(changes) + 1)


def run_lengths(starts: npt.NDArray[np.int64], pixels: int) -> npt.NDArray[np.int64]:
    """Returns the length of each run that begins at `starts` (R,), of `pixels` pixels in all.

    Example:
        >>> run_lengths(np.array([0, 1, 3]), pixels=4).tolist()
        [1, 2, 1]
    """
    return np.diff(starts, append=pixels)
