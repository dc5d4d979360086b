"""What pip installs: an editable clone is importable from anywhere, and a wheel holds every file that is not code."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def clone(tmp_path):
    """A clone named like the package, in a folder of its own."""
    folder = tmp_path / "above" / "segkit"
    folder.mkdir(parents=True)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "configs", folder / "configs")
    shutil.copytree(ROOT / "segkit", folder / "segkit", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def build(hook, clone, output):
    """The wheel that a hook of the build backend writes, as pip calls it."""
    output.mkdir()
    program = f"from setuptools import build_meta; build_meta.{hook}({str(output)!r})"
    subprocess.run([sys.executable, "-c", program], cwd=clone, check=True, capture_output=True)
    (wheel,) = output.glob("*.whl")
    return zipfile.ZipFile(wheel)


def test_an_editable_install_is_found_from_the_folder_above_the_clone(clone, tmp_path):
    site = tmp_path / "site"
    with build("build_editable", clone, tmp_path / "wheel") as wheel:
        wheel.extractall(site)
    program = f"import site; site.addsitedir({str(site)!r}); import segkit; print(segkit.__file__)"
    # -S: without the site-packages of this Python, which may hold another segkit.
    found = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=clone.parent, capture_output=True, text=True, env={}, check=True
    )
    assert found.stdout.strip() == str(clone / "segkit" / "__init__.py")


def test_a_wheel_holds_the_files_that_are_not_code(clone, tmp_path):
    with build("build_wheel", clone, tmp_path / "wheel") as wheel:
        names = set(wheel.namelist())
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "segkit").rglob("*") if path.is_file()}
    assert {name for name in files if "__pycache__" not in name} <= names
    assert not [name for name in names if name.startswith(("tests/", "tools/", "plugins/", "configs/"))]


def test_the_configs_of_an_installed_wheel_can_be_extended(clone, tmp_path):
    site = tmp_path / "site"
    with build("build_wheel", clone, tmp_path / "wheel") as wheel:
        wheel.extractall(site)
    shutil.rmtree(clone)
    (tmp_path / "mine.yaml").write_text("extends: segkit://base/mask_former.yaml\nmodel: {backbone: {name: resnet18}}")
    program = (
        "import segkit, segkit.config; print(segkit.__file__); "
        "print(segkit.config.load_config('mine.yaml').origin('criterion'), "
        "segkit.config.load_config('segkit://quickstart.yaml').path, sep='\\n')"
    )
    environment = {"PYTHONPATH": str(site), "PATH": os.environ["PATH"]}
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, env=environment, check=True
    )
    package = site / "segkit"
    assert found.stdout.splitlines() == [
        str(package / "__init__.py"),
        f"{package}/configs/base/mask_former.yaml:10",
        f"{package}/configs/quickstart.yaml",
    ]
