"""Every error message of a contract check is tested: a part provokes it in one of the tests of this folder."""

import ast
import re
from pathlib import Path

import pytest

from segkit import testing

HERE = Path(__file__).parent
CHECKS = sorted(Path(testing.__file__).parent.glob("*.py"))


def text_of(node, hole):
    """Returns a string of the source, with `hole` for each formatted value; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(hole if isinstance(part, ast.FormattedValue) else part.value for part in node.values)
    return None


def messages(file):
    """Yields (line, message as a pattern) of every assertion and AssertionError of a source file."""
    for node in ast.walk(ast.parse(file.read_text())):
        message = None
        if isinstance(node, ast.Assert):
            message = node.msg
        elif isinstance(node, ast.Raise):
            message = node.exc.args[0]
        if message is not None:
            yield node.lineno, re.escape(text_of(message, "\0")).replace("\0", ".*")


EXPECTED = [
    text
    for file in sorted(HERE.glob("test_*.py"))
    for node in ast.walk(ast.parse(file.read_text()))
    if (text := text_of(node, "…"))
]


@pytest.mark.parametrize("file", CHECKS, ids=lambda file: file.stem)
def test_every_message_is_expected_by_a_test(file):
    assert [
        (line, pattern) for line, pattern in messages(file) if not any(re.fullmatch(pattern, text) for text in EXPECTED)
    ] == []


def test_messages_are_found():
    assert sum(len(list(messages(file))) for file in CHECKS) > 100
