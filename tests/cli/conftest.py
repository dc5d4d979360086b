"""What tests of commands share."""

from collections.abc import Iterator

import pytest

from tests.helpers.fake_parts import only_fake_parts


@pytest.fixture
def fake_parts() -> Iterator[None]:
    """Registries that hold the fake parts only."""
    with only_fake_parts():
        yield
