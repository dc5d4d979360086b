"""Seeds that follow from the seed of a config."""

import numpy as np

ORDER, TRANSFORMS, REPLACEMENTS, STEP = 0, 1, 2, 3
"""What random numbers are for. Each purpose has seeds of its own."""


def derived_seed(seed: int, purpose: int, *numbers: int) -> int:
    """Returns a seed for torch that is unrelated to those of other purposes and of neighboring numbers.

    Example:
        >>> derived_seed(0, STEP, 1, 0) != derived_seed(0, STEP, 2, 0)
        True
    """
    # A shift by one bit keeps it below 2**63, since torch's seeds are signed.
    return int(np.random.SeedSequence([seed % 2**64, purpose, *numbers]).generate_state(1, np.uint64)[0] >> 1)
