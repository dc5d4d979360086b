"""The packages in plugins/ import nothing of segkit but the modules that docs/plugins.md promises to keep."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "plugins").glob("*/segkit_*/**/*.py"))


def promised():
    """The modules in the first column of the table in docs/plugins.md."""
    text = (ROOT / "docs/plugins.md").read_text()
    section = text.partition("## What a plugin may import\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return {module for row in rows for module in re.findall(r"`(segkit[a-z_.]*)`", row.split("|")[1])}


def imported(file):
    """The names of segkit's that a file imports, with their modules."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if re.match(r"segkit(\.|$)", name.name))
        if isinstance(node, ast.ImportFrom) and re.match(r"segkit(\.|$)", node.module or ""):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def is_promised(name, modules):
    if any(part.startswith("_") for part in name.split(".")):
        return False
    # `segkit` promises its own names, not all modules below it.
    return any(name.startswith(f"{module}.") for module in modules - {"segkit"}) or name.count(".") == 1


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT / "plugins")))
def test_plugins_import_what_is_promised(file):
    other = {name for name in imported(file) if not is_promised(name, promised())}
    assert not other, f"add to the table in docs/plugins.md, or do without: {', '.join(sorted(other))}"


def test_the_table_names_modules_that_there_are_and_that_are_used():
    names = {name for file in FILES for name in imported(file)} | {"segkit.testing.check_loss"}
    for module in promised():
        path = ROOT / module.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), module
        assert any(name.startswith(f"{module}.") for name in names), f"no package imports {module}: leave it out"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("segkit.Hook", True),
        ("segkit.layers.linear.mlp", True),
        ("segkit.layers._hidden.mlp", False),
        ("segkit.training.loop.Trainer", False),
    ],
)
def test_what_counts_as_promised(name, expected):
    assert is_promised(name, {"segkit", "segkit.layers"}) is expected
