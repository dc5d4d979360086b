"""Where values stand in a list, such as the segment ids of a map in the list of its segments."""

import numpy as np
import numpy.typing as npt


def places_in(
    listed: npt.NDArray[np.integer], values: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """(N,) distinct, N at least 1, and (P,) -> (P,) each: a value's place in `listed`, and whether it is there at all.
    Where it is not, the place means nothing."""
    order = np.argsort(listed)
    rank = np.searchsorted(listed[order], values).clip(max=len(listed) - 1)
    places: npt.NDArray[np.int64] = order[rank]
    return places, listed[places] == values
