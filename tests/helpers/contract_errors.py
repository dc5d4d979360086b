"""What the tests of the contract checks share: how a complaint is provoked."""

import pytest


def complaint(check, *arguments):
    """The message of the AssertionError that `check(*arguments)` raises."""
    with pytest.raises(AssertionError) as caught:
        check(*arguments)
    return str(caught.value)


def each_of(complaints):
    """Parametrizes a test over (part, message), called after the parts."""
    names = [getattr(part, "__name__", type(part).__name__) for part, _ in complaints]
    return pytest.mark.parametrize(("part", "message"), complaints, ids=names)
