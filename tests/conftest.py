"""What tests of several folders use."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the real datasets, which are no part of the project; skips the test where it is absent."""
    folder = Path(os.environ.get("SEGKIT_DATASETS") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set SEGKIT_DATASETS to the folder that holds it")
    return folder


@pytest.fixture(scope="session")
def shared_golden() -> Path:
    """The folder of the reference programs' results, which are no part of the project; skips where it is absent."""
    folder = Path(__file__).parents[2] / "shared" / "golden"
    if not folder.is_dir():
        pytest.skip(f"the results of the reference programs are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def shared_cases() -> Path:
    """The folder of scripts that make inputs from public reports; skips the test where it is absent."""
    folder = Path(__file__).parents[2] / "shared" / "cases"
    if not folder.is_dir():
        pytest.skip(f"the inputs of public reports are not at {folder}")
    return folder
