"""What tests of several folders use, and where they leave files."""

import getpass
import os
import shutil
import tempfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _temporary_files(tmp_path_factory):
    """Gives the tests, and the processes they start, a folder for temporary files that is removed at the end."""
    tmp_path_factory.getbasetemp()  # pytest's own folder stays where it is
    compiled = Path(tempfile.gettempdir()) / f"torchinductor_{getpass.getuser()}"
    # The names of sockets are limited to about 100 letters, so the folder lies directly in that of the system.
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="segkit-tests-") as folder:
        if "TORCHINDUCTOR_CACHE_DIR" not in os.environ:  # to compile again in each session would take long
            patch.setenv("TORCHINDUCTOR_CACHE_DIR", str(compiled))
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield


@pytest.fixture(scope="module", autouse=True)
def _files_of_a_module(request, tmp_path_factory):
    """Removes what the fixtures of a module made, unless a test failed: all modules together would fill a disk."""
    folder, failed = tmp_path_factory.getbasetemp(), request.session.testsfailed
    before = set(folder.iterdir())
    yield
    if request.session.testsfailed == failed:
        for path in set(folder.iterdir()) - before:
            if not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)


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
