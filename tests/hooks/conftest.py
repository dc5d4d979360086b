"""Fixtures for tests of hooks."""

import pytest

from tests.helpers.tiny import write_tiny


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A config file, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return write_tiny(tmp_path)
