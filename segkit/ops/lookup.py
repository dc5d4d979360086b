"""Finds values in a list, such as the segment ids of a map in the list of its segments."""

import numpy as np
import numpy.typing as npt


def places_in(
    listed: npt.NDArray[np.integer], values: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Returns the place of each value in `listed`, and whether it is listed at all; both (P,).

    The place of a value that is not listed is arbitrary.

    Args:
        listed: (N,) distinct values in any order, N at least 1.
        values: (P,).

    Example:
        >>> places, known = places_in(np.array([30, 10]), np.array([10, 30, 10]))
        >>> places.tolist(), known.tolist()
        ([1, 0, 1], [True, True, True])
    """
    order = np.argsort(listed)
    rank = np.searchsorted(listed[order], values).clip(max=len(listed) - 1)  # beyond the largest: not listed
    places: npt.NDArray[np.int64] = order[rank]
    return places, listed[places] == values
