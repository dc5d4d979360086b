"""Complaints about schedules."""

import pytest
import torch

from segkit.testing import check_schedule
from tests.helpers.contract_errors import complaint, each_of


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


COMPLAINTS = [
    (negative, "schedule negative gives -0.5 at step 1 of 2, where a finite number from 0 is promised"),
    (endless, "schedule endless gives inf at step 0 of 1, where a finite number from 0 is promised"),
    (tensor, "schedule tensor gives tensor(0.5000) at step 0 of 1, where a finite number from 0 is promised"),
    (dividing, "schedule dividing fails at step 0 of 1: ZeroDivisionError: division by zero"),
    (nothing, "schedule nothing gives 0 at all of 10 steps, so that nothing would be learnt"),
    (
        Counting(),
        "schedule Counting gives 1.0 and then 0.5 at step 0 of 1, where the factor is promised to follow from these "
        "two alone",
    ),
]


@each_of(COMPLAINTS)
def test_complaint(part, message):
    assert complaint(check_schedule, part) == message


@pytest.mark.parametrize("part", [constant, warming])
def test_a_good_one_passes(part):
    check_schedule(part)
