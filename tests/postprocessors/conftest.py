"""The golden results of the reference programs, which live beside the repository and are no part of it."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_golden() -> Path:
    folder = Path(__file__).resolve().parents[3] / "shared" / "golden"
    if not folder.is_dir():
        pytest.skip(f"the golden results of the reference programs are not at {folder}")
    return folder
