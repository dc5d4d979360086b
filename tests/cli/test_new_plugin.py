"""`segkit new-plugin`. What it writes is installed, tested and trained in tests/test_installed_plugins.py."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from segkit.cli import new_plugin
from segkit.cli.main import main

EXAMPLE = Path(__file__).parents[2] / "plugins" / "segkit-example"
RULE = (
    "Use lower-case letters and digits, separated by single '-', beginning with a letter. It must not be a Python "
    "keyword."
)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_example_is_what_is_written():
    files = new_plugin.plugin_files("segkit-example")
    for path, text in files.items():
        assert (EXAMPLE / path).read_bytes() == text.encode(), f"{path} differs: write the example anew"
    ours = [
        path for path in EXAMPLE.rglob("*") if path.is_file() and not re.search(r"\.egg-info|/[_.]\w*cache", str(path))
    ]
    assert {path.relative_to(EXAMPLE).as_posix() for path in ours} == set(files)


@pytest.mark.slow
def test_the_example_passes_mypy_against_the_contracts(tmp_path):
    """As in a plugin author's environment: without this repository's settings, so segkit must be typed by itself."""
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", tmp_path / "cache"]
    environment = {**os.environ, "MYPYPATH": str(EXAMPLE)}
    done = subprocess.run(
        [*command, "segkit_example", "tests"], cwd=EXAMPLE, env=environment, capture_output=True, text=True
    )
    assert done.stdout.startswith("Success: no issues found")


def test_a_package_of_another_name(tmp_path, capsys):
    assert main(["new-plugin", "acme-parts"]) == 0
    assert capsys.readouterr().out == (
        "wrote acme-parts: README.md, configs/example.yaml, acme_parts/__init__.py, acme_parts/goal.py, "
        "acme_parts/pyramid.py, acme_parts/tversky.py, pyproject.toml, tests/test_parts.py\n"
        "next:\n"
        "  pip install -e acme-parts\n"
        "  python -m pytest acme-parts\n"
        "  segkit train acme-parts/configs/example.yaml\n"
    )
    written = {path.relative_to("acme-parts").as_posix(): path.read_text() for path in Path("acme-parts").rglob("*.*")}
    assert 'acme_parts_pyramid = "acme_parts.pyramid:Pyramid"\n' in written["pyproject.toml"]
    assert "backbone: {type: acme_parts_pyramid, width: 32}" in written["configs/example.yaml"]
    for path, text in written.items():
        assert "example_" not in text.replace("test_the_example_is", ""), path
        assert "$" not in text, path


def test_the_folder_may_lie_elsewhere(capsys):
    assert main(["new-plugin", "acme-parts", "--output", "my work/parts"]) == 0
    assert capsys.readouterr().out.endswith("  segkit train 'my work/parts'/configs/example.yaml\n")
    assert Path("my work/parts/acme_parts/pyramid.py").is_file()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Acme_Parts", " Did you mean 'acme-parts'?"),
        ("acme--parts", " Did you mean 'acme-parts'?"),
        ("3d-parts", ""),
        ("acme/parts", ""),
        ("../acme", ""),
        ("acme-", ""),
        ("", ""),
        ("lambda", ""),
    ],
)
def test_a_name_that_is_none_is_refused(name, meant, capsys):
    assert main(["new-plugin", name]) == 1
    assert capsys.readouterr().err == f"error: '{name}' cannot be the name of a package.{meant} {RULE}\n"
    assert os.listdir() == []


@pytest.mark.parametrize("name", ["segkit", "json", "sys", "numpy"])
def test_a_name_that_hides_a_module_is_refused(name, capsys):
    assert main(["new-plugin", name]) == 1
    err = capsys.readouterr().err
    file = __import__(name).__file__ if hasattr(__import__(name), "__file__") else "built in"
    assert err == f"error: '{name}': the name is taken by the module '{name}' ({file}). Choose another name.\n"
    assert os.listdir() == []


def test_a_name_that_pip_would_replace_is_refused(capsys):
    from importlib.metadata import version

    assert main(["new-plugin", "pillow"]) == 1
    assert capsys.readouterr().err == (
        f"error: 'pillow': the name is taken by the installed package pillow {version('pillow')}. "
        "Choose another name.\n"
    )
    assert os.listdir() == []


def test_nothing_is_overwritten(capsys):
    Path("acme-parts").mkdir()
    assert main(["new-plugin", "acme-parts"]) == 1
    assert capsys.readouterr().err == (
        "error: acme-parts: already exists. Choose another --output, or remove it first.\n"
    )
    assert os.listdir("acme-parts") == []


def test_a_place_that_cannot_be_written_is_reported(capsys):
    Path("file").touch()
    assert main(["new-plugin", "acme-parts", "--output", "file/acme"]) == 1
    assert capsys.readouterr().err == (
        "error: file/acme: cannot be written (Not a directory). Choose another --output.\n"
    )
