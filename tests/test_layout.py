"""The layout: where modules lie, that tests mirror them, and how long files and functions may be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import segkit

PACKAGE = Path(segkit.__file__).parent
ROOT = PACKAGE.parent
TESTS = ROOT / "tests"

LOOSE = {"__init__", "__main__", "classes", "errors", "build", "checkpoint"}
"""Modules that lie directly in segkit/, since nearly every folder uses them."""

OTHER_TESTS = {
    "benchmarking": "tests tools/benchmarking",
    "docs": "tests README.md and docs/",
    "helpers": "is imported by tests",
    "legacy": "holds files written by earlier versions",
    "parity": "compares several folders at once with transformers",
}
"""Folders of tests/ that mirror no folder of segkit/, each with what it does."""

MOST_LINES = 300
MOST_FUNCTION_LINES = 40

FILES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = sorted({file.parent for file in FILES})


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_module_stands_loose():
    assert {file.stem for file in PACKAGE.glob("*.py")} == LOOSE
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.parametrize("folder", [*FOLDERS, ROOT / "tools" / "benchmarking"], ids=label)
def test_a_folder_says_what_it_holds(folder):
    init = folder / "__init__.py"
    assert init.is_file(), f"{label(folder)} has no __init__.py"
    assert ast.get_docstring(ast.parse(init.read_text(encoding="utf-8")))


@pytest.mark.parametrize("file", FILES, ids=label)
def test_a_module_says_what_it_holds(file):
    assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))


def test_test_folders_mirror_source_folders():
    sources = {folder.relative_to(PACKAGE).as_posix() for folder in FOLDERS}
    folders = {file.parent.relative_to(TESTS).as_posix() for file in TESTS.rglob("test_*.py")}
    others = {folder for folder in folders - sources if folder.partition("/")[0] not in OTHER_TESTS}
    assert others == set(), "these folders of tests/ have no counterpart in segkit/"


def test_every_folder_with_code_has_tests():
    without = set()
    for folder in FOLDERS:
        inside = folder.relative_to(PACKAGE)
        modules = [file for file in folder.glob("*.py") if file.stem != "__init__"]
        tested = (TESTS / inside, TESTS / inside.parent)
        if modules and not any(list(place.glob("test_*.py")) for place in tested):
            without.add(label(folder))
    assert without == set()


@pytest.mark.parametrize("file", FILES, ids=label)
def test_files_are_short(file):
    lines = file.read_text(encoding="utf-8").count("\n")
    assert lines <= MOST_LINES, f"{label(file)} has {lines} lines; split it"


@pytest.mark.parametrize("file", FILES, ids=label)
def test_functions_are_short(file):
    too_long = {f"{name}: {lines} lines" for name, lines in functions(file) if lines > MOST_FUNCTION_LINES}
    assert too_long == set()


def functions(file: Path) -> Iterator[tuple[str, int]]:
    """Yields name and number of lines, without the docstring, of each function."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            documented = ast.get_docstring(node) is not None
            docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
            yield f"{label(file)}:{node.name}", (node.end_lineno or 0) - node.lineno + 1 - docstring
