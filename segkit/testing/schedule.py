"""A schedule.

* For runs of 1, 2, 10 and 1000 steps, at every step from 0 to the last, it gives a finite number from 0 up; from 10
  steps on (a warm-up may begin at 0) not always 0.
* The factor follows from step and steps alone: asked for in another order, as after a resumption, it is the same.
"""

import math
from collections.abc import Callable

from segkit.testing._common import named, seeded, trying

LENGTHS = (1, 2, 10, 1000)


@seeded()
def check_schedule(schedule: Callable[[int, int], float]) -> None:
    """Raises AssertionError, saying in words what the built part does wrong."""
    who = named("schedule", schedule)
    for steps in LENGTHS:
        factors = {step: _factor(who, schedule, step, steps) for step in range(steps)}
        assert steps < 10 or any(factors.values()), (
            f"{who} gives 0 at all of {steps} steps, so that nothing would be learnt"
        )
        for step in reversed(range(steps)):
            again = _factor(who, schedule, step, steps)
            assert again == factors[step], (
                f"{who} gives {factors[step]} and then {again} at step {step} of {steps}, where the factor is promised "
                "to follow from these two alone"
            )


def _factor(who: str, schedule: Callable[[int, int], float], step: int, steps: int) -> float:
    with trying(who, f"at step {step} of {steps}"):
        factor = schedule(step, steps)
    good = isinstance(factor, int | float) and math.isfinite(factor) and factor >= 0
    assert good, f"{who} gives {factor!r} at step {step} of {steps}, where a finite number from 0 is promised"
    return factor
