"""The contract of a schedule.

* It returns a factor, or a mapping with one for `backbone` and one for `head`, the same kind at every step.
* For trainings of 1, 2, 10 and 1000 steps it returns a finite number of at least 0 at every step. From 10 steps on
  (a warm-up may begin at 0), not all of them are 0.
* The factor follows from step and steps alone: asked in another order, as after a training is resumed, it is the same.
"""

import math
from collections.abc import Mapping

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
        factors = {step: _factors(who, schedule, step, steps) for step in range(steps)}
        for name in factors[0]:
            assert steps < 10 or any(one[name] for one in factors.values()), (
                f"{who} returns 0 at all of {steps} steps{_of(name)}, so nothing would be learned. Return a factor "
                "above 0."
            )
        for step in reversed(range(steps)):  # a schedule that counts its calls returns other factors now
            again = _factors(who, schedule, step, steps)
            assert again == factors[step], (
                f"{who} returns {_shown(factors[step])} and then {_shown(again)} at step {step} of {steps}. Compute "
                "the factor from step and steps alone, so that a resumed training continues alike."
            )
            assert again.keys() == factors[0].keys(), (
                f"{who} returns {_shown(factors[0])} at step 0 and {_shown(again)} at step {step} of {steps}. Return a "
                "number at all steps, or a mapping at all of them."
            )


def _factors(who: str, schedule: Schedule, step: int, steps: int) -> dict[str, float]:
    """Returns the factor of each part; that of all parts under an empty name."""
    with trying(who, f"at step {step} of {steps}"):
        returned = schedule(step, steps)
    if isinstance(returned, Mapping):
        assert set(returned) == {"backbone", "head"}, (
            f"{who} returns factors of {', '.join(map(str, returned)) or 'nothing'} at step {step} of {steps}. Return "
            "one of 'backbone' and one of 'head'."
        )
    factors = dict(returned) if isinstance(returned, Mapping) else {"": returned}
    for name, factor in factors.items():
        good = isinstance(factor, int | float) and math.isfinite(factor) and factor >= 0
        assert good, (
            f"{who} returns {factor!r} at step {step} of {steps}{_of(name)}. The contract asks for a finite number of "
            "at least 0."
        )
    return factors


def _of(name: str) -> str:
    return f" for the {name}" if name else ""


def _shown(factors: dict[str, float]) -> str:
    return str(factors.get("", factors))
