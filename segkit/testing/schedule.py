"""The contract of a schedule.

* For trainings of 1, 2, 10 and 1000 steps it returns a finite number of at least 0 at every step. From 10 steps on
  (a warm-up may begin at 0), not all of them are 0.
* The factor follows from step and steps alone: asked in another order, as after a training is resumed, it is the same.
"""

import math

from segkit.registries import Schedule
from segkit.testing._common import named, seeded, trying

LENGTHS = (1, 2, 10, 1000)


@seeded()
def check_schedule(schedule: Schedule) -> None:
    """Checks a built schedule.

    Raises:
        AssertionError: it breaks the contract; the message says how and what to do.

    Example:
        >>> from segkit.schedules.poly import Poly
        >>> check_schedule(Poly(power=0.9, warmup_steps=10))
    """
    who = named("schedule", schedule)
    for steps in LENGTHS:
        factors = {step: _factor(who, schedule, step, steps) for step in range(steps)}
        assert steps < 10 or any(factors.values()), (
            f"{who} returns 0 at all of {steps} steps, so nothing would be learned. Return a factor above 0."
        )
        for step in reversed(range(steps)):  # a schedule that counts its calls returns other factors now
            again = _factor(who, schedule, step, steps)
            assert again == factors[step], (
                f"{who} returns {factors[step]} and then {again} at step {step} of {steps}. Compute the factor from "
                "step and steps alone, so that a resumed training continues alike."
            )


def _factor(who: str, schedule: Schedule, step: int, steps: int) -> float:
    with trying(who, f"at step {step} of {steps}"):
        factor = schedule(step, steps)
    good = isinstance(factor, int | float) and math.isfinite(factor) and factor >= 0
    assert good, (
        f"{who} returns {factor!r} at step {step} of {steps}. The contract asks for a finite number of at least 0."
    )
    return factor
