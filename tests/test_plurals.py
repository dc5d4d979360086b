"""Messages count in words, `1 image` and `2 images`: no number stands before a fixed plural."""

import ast
import re
from pathlib import Path

import pytest

from segkit.errors import counted

PACKAGE = Path(__file__).parents[1] / "segkit"
FILES = sorted(PACKAGE.rglob("*.py"))

NOUNS = [
    "annotation",
    "batch",
    "box",
    "checkpoint",
    "class",
    "color",
    "column",
    "epoch",
    "error",
    "evaluation",
    "file",
    "folder",
    "image",
    "instance",
    "item",
    "layer",
    "line",
    "mask",
    "number",
    "object",
    "outline",
    "pixel",
    "point",
    "polygon",
    "problem",
    "process",
    "query",
    "sample",
    "segment",
    "step",
    "tensor",
    "value",
    "warning",
]
PLURAL = re.compile(rf" ((loading|other|more) )?({'|'.join(counted(2, noun)[2:] for noun in NOUNS)})\b")
TEXTS = ("found", "kind", "what", "who", "subject")
"""Variables that hold no number."""
NUMBERS = ("int", "len", "max", "min", "sum")


def fixed_plurals(source):
    """Yields line and text of the numbers of f-strings that stand before a plural. `1 of 3 images` fits any number."""
    for node in ast.walk(ast.parse(source)):
        parts = node.values if isinstance(node, ast.JoinedStr) else []
        for before, value, after in zip([None, *parts], parts, parts[1:], strict=False):
            said, follows = (part.value if isinstance(part, ast.Constant) else "" for part in (before, after))
            if is_number(value) and PLURAL.match(follows) and not re.search(r"^ of( the| its)? $|(x|x | to )$", said):
                yield value.lineno, f"{{{ast.unparse(value.value)}}}{follows[:20]}"


def is_number(part):
    """Whether a part of an f-string is a whole number that may be 1."""
    if not isinstance(part, ast.FormattedValue) or part.format_spec is not None:
        return False
    if isinstance(part.value, ast.Call):
        return ast.unparse(part.value.func) in NUMBERS
    text = ast.unparse(part.value)
    return isinstance(part.value, ast.Name | ast.Attribute | ast.Subscript) and text not in TEXTS and not text.isupper()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("f'{n} images'", ["{n} images"]),
        ("f'{len(boxes)} boxes are'", ["{len(boxes)} boxes are"]),
        ("f'{n} image'", []),
        ("f'{counted(n, \"image\")} here'", []),
        ("f'{n} of {total} images'", []),
        ("f'{width}x{height} pixels'", []),
        ("f'{low} to {high} pixels'", []),
        ("f'a polygon of {n} points'", ["{n} points"]),
        ("f'{MOST} values'", []),
    ],
)
def test_what_is_a_slip(source, found):
    assert [text for _, text in fixed_plurals(source)] == found


def test_no_message_has_a_fixed_plural():
    places = {
        f"{file.relative_to(PACKAGE)}:{line}": text
        for file in FILES
        if file.parent.name != "testing"  # the contract checks give their own numbers, which are not 1
        for line, text in fixed_plurals(file.read_text())
    }
    assert places == {}
