"""The examples in docstrings run, and public names and parts have one."""

import doctest
import importlib
import inspect
import tempfile
from pathlib import Path

import pytest
import torch

import segkit
from segkit.registries import REGISTRIES
from segkit.registries.discovery import own_candidates

PACKAGE = Path(segkit.__file__).parent


def module_name(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


WITH_EXAMPLES = sorted(module_name(file) for file in PACKAGE.rglob("*.py") if ">>> " in file.read_text("utf-8"))
CALLABLE = sorted(name for name in segkit.__all__ if not name.isupper() and not name.endswith("Error"))
PARTS = [(registry, one.name) for registry in REGISTRIES for one in own_candidates(registry.plural)]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_module_run(name, tmp_path, monkeypatch, capsys):
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    (here / "configs").symlink_to(PACKAGE.parent / "configs")
    torch.manual_seed(0)
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried
    assert failed == 0, capsys.readouterr().out
    assert [path.name for path in here.iterdir()] == ["configs"], "an example leaves files behind"


@pytest.mark.parametrize("name", CALLABLE)
def test_a_public_name_has_an_example(name):
    assert ">>> " in (inspect.getdoc(getattr(segkit, name)) or "")


@pytest.mark.parametrize(("registry", "name"), PARTS, ids=lambda value: getattr(value, "kind", value))
def test_a_part_has_an_example(registry, name):
    assert ">>> " in (inspect.getdoc(registry.get(name)) or "")
