"""The messages that docs/troubleshooting.md explains are messages of segkit."""

import ast
import re

import pytest

from tests.helpers.pages import ROOT

PAGE = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^### `(.*)`$", PAGE, flags=re.MULTILINE)
PLACEHOLDER = re.compile(r"(?<![\w-])[A-Z]{1,}(?![\w-])(?: segments| queries)?|WIDTHxHEIGHT")
"""A number is inserted with its noun."""


def texts_of_segkit():
    """Returns every text of the sources, its inserted values replaced by NUL."""
    texts = []
    for file in (ROOT / "segkit").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "\0" for part in node.values]
                texts.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\n".join(texts)


TEXTS = texts_of_segkit()


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_one_of_segkit(message):
    parts = [part.strip(" ':(),.") for part in PLACEHOLDER.split(message)]
    parts = [part for part in parts if len(part) > 6]
    assert parts
    for part in parts:
        assert part in TEXTS, part
