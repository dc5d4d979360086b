"""What tests of several files use."""

import pytest

from tests.helpers.originals import read_facts


@pytest.fixture
def shapes(shared_golden):
    """The shapes of an original's tensors by name, of a golden result."""
    return lambda name: read_facts(shared_golden, name)[0]
