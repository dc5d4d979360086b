"""Error messages about schedules."""

import pytest
import torch

from segkit.testing import check_schedule
from tests.helpers.contract_errors import each_of, error_message


def constant(step, steps):
    return 1.0


def negative(step, steps):
    return 0.5 - step


def endless(step, steps):
    return float("inf")


def tensor(step, steps):
    return torch.tensor(0.5)


def dividing(step, steps):
    return 1 / (steps - 1)


def nothing(step, steps):
    return 0.0


class Counting:
    calls = 0

    def __call__(self, step, steps):
        self.calls += 1
        return 1 / self.calls


def warming(step, steps):
    return min(1.0, step / 5)


def partly(step, steps):
    return 1.0 if step else {"backbone": 0.5, "head": 1.0}


def misnamed(step, steps):
    return {"body": 1.0}


def frozen(step, steps):
    return {"backbone": 0.0, "head": 1.0}


def staged(step, steps):
    return {"backbone": 0.5, "head": 1}


MESSAGES = [
    (
        misnamed,
        "schedule misnamed returns factors of body at step 0 of 1. Return one of 'backbone' and one of 'head'.",
    ),
    (
        partly,
        "schedule partly returns {'backbone': 0.5, 'head': 1.0} at step 0 and 1.0 at step 1 of 2. Return a number at "
        "all steps, or a mapping at all of them.",
    ),
    (
        frozen,
        "schedule frozen returns 0 at all of 10 steps for the backbone, so nothing would be learned. Return a factor "
        "above 0.",
    ),
    (negative, "schedule negative returns -0.5 at step 1 of 2. The contract asks for a finite number of at least 0."),
    (endless, "schedule endless returns inf at step 0 of 1. The contract asks for a finite number of at least 0."),
    (
        tensor,
        "schedule tensor returns tensor(0.5000) at step 0 of 1. The contract asks for a finite number of at least 0.",
    ),
    (dividing, "schedule dividing fails at step 0 of 1: ZeroDivisionError: division by zero"),
    (nothing, "schedule nothing returns 0 at all of 10 steps, so nothing would be learned. Return a factor above 0."),
    (
        Counting(),
        "schedule Counting returns 1.0 and then 0.5 at step 0 of 1. Compute the factor from step and steps alone, so "
        "that a resumed training continues alike.",
    ),
]


@each_of(MESSAGES)
def test_error_message(part, message):
    assert error_message(check_schedule, part) == message


@pytest.mark.parametrize("part", [constant, warming, staged])
def test_a_good_one_passes(part):
    check_schedule(part)
