"""Helpers of the tests of contract checks."""

import pytest


def error_message(check, *arguments):
    """Returns the message of the AssertionError that `check(*arguments)` raises."""
    with pytest.raises(AssertionError) as caught:
        check(*arguments)
    return str(caught.value)


def each_of(messages):
    """Parametrizes a test over (part, message), named after the parts."""
    names = [getattr(part, "__name__", type(part).__name__) for part, _ in messages]
    return pytest.mark.parametrize(("part", "message"), messages, ids=names)
