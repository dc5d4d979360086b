"""When two outputs are equal, and the messages if they are not."""

import pytest
import torch
from benchmarking.case import UnequalOutputs
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
            "x: the largest difference is 1 and the largest value 2; a fraction of 0.0001 is allowed for rounding",
        ),
        (
            require_close,
            (ONES * torch.nan, ONES),
            "x: the largest difference is nan and the largest value 1; a fraction of 0.0001 is allowed for rounding",
        ),
        (require_close, (ONES, torch.ones(2, 2)), "x: the shape is (4,), the peer's (2, 2)"),
        (require_as_near, (ONES + 1, ONES + 0.5, ONES), "x: segkit's rounding error is 1, the peer's 0.5"),
        (require_same, (ONES, ONES + 1e-7), "x: the values differ"),
        (require_same, ([1], [2]), "x: the values differ"),
        (
            require_mostly_same,
            (torch.tensor([1, 2, 3]), torch.tensor([1, 0, 0]), 0.5),
            "x: 33.33% of the pixels are equal; 50.0% are required",
        ),
        (require_mostly_same, (ONES, torch.ones(2, 2), 0.5), "x: the shape is (4,), the peer's (2, 2)"),
    ],
)
def test_what_is_not(require, arguments, message):
    with pytest.raises(UnequalOutputs) as caught:
        require("x", *arguments)
    assert str(caught.value) == message
