"""Runs of equal neighbours: a map of segments has far fewer of them than pixels, so counting by runs is quick."""

import numpy as np
import numpy.typing as npt


def run_starts(*lines: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """(R,): where runs begin in which no line (P,) changes its value; the first at 0, also of no pixels at all."""
    changes = lines[0][1:] != lines[0][:-1]
    for line in lines[1:]:
        changes |= line[1:] != line[:-1]
    return np.append(0, np.flatnonzero(changes) + 1)


def run_lengths(starts: npt.NDArray[np.int64], pixels: int) -> npt.NDArray[np.int64]:
    """(R,): how many of all `pixels` each run that begins at `starts` (R,) has."""
    return np.diff(starts, append=pixels)
