"""Entries of `Args:` in docstrings have one form: a capital letter first, unless code comes first, and a full stop."""

import ast
import re
from pathlib import Path

import pytest

SEGKIT = Path(__file__).parents[2] / "segkit"
ENTRY = re.compile(r"\*{0,2}\w+(?:, \*{0,2}\w+)*(?: \([^)]*\))?: (?P<text>\S.*)")


def entries(docstring: str) -> list[str]:
    """Returns the text of each entry of `Args:`."""
    texts: list[str] = []
    inside = False
    for line in docstring.splitlines():
        indent = len(line) - len(line.lstrip())
        if line == "Args:":
            inside = True
        elif line and indent == 0:
            inside = False
        elif inside and line:
            match = ENTRY.fullmatch(line.strip()) if indent == 4 else None
            if match:
                texts.append(match["text"])
            elif texts:
                texts[-1] += f" {line.strip()}"
    return texts


@pytest.mark.parametrize("file", sorted(SEGKIT.rglob("*.py")), ids=lambda file: str(file.relative_to(SEGKIT)))
def test_entries_are_sentences(file):
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    texts = [text for node in nodes if isinstance(node, kinds) for text in entries(ast.get_docstring(node) or "")]
    assert [text for text in texts if text[0].islower() or text[-1] not in ".!?"] == []
