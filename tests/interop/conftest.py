"""Fixtures of several test files."""

import pytest

from tests.helpers.originals import read_facts


@pytest.fixture
def shapes(shared_golden):
    """Returns a function from a golden result to the shapes of its tensors, by the original's names."""
    return lambda name: read_facts(shared_golden, name)[0]
