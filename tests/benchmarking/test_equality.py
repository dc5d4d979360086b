"""When two answers are the same, and what is said where they are not."""

import pytest
import torch
from benchmarking.case import Unequal
from benchmarking.equality import require_as_near, require_close, require_mostly_same, require_same

ONES = torch.ones(4)


def test_what_is_the_same():
    require_close("x", ONES, ONES + 5e-5)
    require_close("x", torch.zeros(0), torch.zeros(0))
    require_as_near("x", ONES + 0.1, ONES - 0.1, ONES)
    require_same("x", ONES, ONES.clone())
    require_same("x", [1], [1])
    require_mostly_same("x", torch.tensor([1, 2, 3, 4]), torch.tensor([1, 2, 3, 0]), 0.75)


@pytest.mark.parametrize(
    ("require", "arguments", "message"),
    [
        (
            require_close,
            (ONES, 2 * ONES),
            "x: they differ by up to 1 where the largest value is 2; at most 0.0001 of it is rounding",
        ),
        (
            require_close,
            (ONES * torch.nan, ONES),
            "x: they differ by up to nan where the largest value is 1; at most 0.0001 of it is rounding",
        ),
        (require_close, (ONES, torch.ones(2, 2)), "x: segkit gives shape (4,), the peer (2, 2)"),
        (require_as_near, (ONES + 1, ONES + 0.5, ONES), "x: segkit's rounding is 1, the peer's 0.5"),
        (require_same, (ONES, ONES + 1e-7), "x: they are not the same"),
        (require_same, ([1], [2]), "x: they are not the same"),
        (
            require_mostly_same,
            (torch.tensor([1, 2, 3]), torch.tensor([1, 0, 0]), 0.5),
            "x: 33.33% of the pixels are the same; at least 50.0% must be",
        ),
        (require_mostly_same, (ONES, torch.ones(2, 2), 0.5), "x: segkit gives shape (4,), the peer (2, 2)"),
    ],
)
def test_what_is_not(require, arguments, message):
    with pytest.raises(Unequal) as caught:
        require("x", *arguments)
    assert str(caught.value) == message
