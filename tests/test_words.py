"""One word per idea: the words that the glossary in docs/architecture.md replaced are gone from names and prose."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.pages import PAGES

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    file
    for folder in ("segkit", "tools", "plugins", "tests")
    for file in (ROOT / folder).rglob("*.py")
    if "build" not in file.parts and file != Path(__file__)
)

OLD_WORDS = {
    "picture": "image",
    "pictures": "images",
    "truth": "target",
    "truths": "targets",
    "wired": "injected",
    "offer": "candidate",
    "offers": "candidates",
    "share": "fraction",
    "shares": "fractions",
    "takes": "input_type or result_type",
    "makes": "result_type",
    "votes": "semantic inference",
    "vote": "semantic inference",
    "figure": "metric",
    "figures": "metrics",
    "complaint": "error message or problem",
    "complaints": "error messages or problems",
    "headline": "summary metrics",
    "told": "error message",
    "learnt": "learned, overfit",
    "alarms": "false positives",
    "colour": "color",
    "colours": "colors",
    "centre": "center",
    "centres": "centers",
    "grey": "gray",
    "piece": "chunk",
    "pieces": "chunks",
}
"""Word in a name -> what to say instead."""

OLD_NAMES = {"MaskScore": "WeightedMaskLoss", "hits": "true positives", "misses": "false negatives"}
"""Whole name -> what to say instead."""

VERBS = {"takes", "makes", "share", "shares", "offers", "told"}
"""Old words that are common verbs: names of tests, which are sentences, may hold them."""

ALLOWED = {
    "max_category_share": "a YAML key, which stays so that configs keep loading",
}
"""Names that may hold an old word, each with the reason."""


OLD_PROSE = re.compile(
    r"\b(pictures?|truths?|votes?|figures?|complaints?|headlines?|learnt|by heart|wired|false alarms?|"
    r"colours?|grey|centres?|favour\w*|normalis\w+|initialis\w+|data[ -]sets?|post-process\w*)\b",
    re.IGNORECASE,
)
"""Words that neither comments nor messages nor pages use."""

PROSE = [
    *(file for file in SOURCES if file.relative_to(ROOT).parts[0] != "tests"),
    *sorted(file for folder in ("configs", "plugins", "segkit") for file in (ROOT / folder).rglob("*.yaml")),
    *sorted((ROOT / "segkit").rglob("*.template")),
    *(page for page in PAGES if page.name != "CHANGELOG.md"),
]

ALLOWED_PROSE = {
    'IMAGE_KEY = "picture"': "a key of the JSON files of predictions, which stays so that programs can read them",
}
"""Texts that may hold an old word, each with the reason."""


def defined_names(file: Path) -> Iterator[tuple[int, str]]:
    """Yields line and name of everything that a file defines: modules, classes, functions, parameters, variables."""
    yield 1, file.stem
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.value.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname


def words_of(name: str) -> list[str]:
    """Splits `some_name` and `SomeName` into lower-case words."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def old_words_in(file: Path) -> list[str]:
    """Returns one line for each name of a file that holds an old word."""
    found = set()
    for line, name in defined_names(file):
        if name in ALLOWED:
            continue
        words = [word for word in words_of(name) if not (name.startswith("test_") and word in VERBS)]
        instead = OLD_NAMES.get(name) or next((OLD_WORDS[word] for word in words if word in OLD_WORDS), None)
        if instead:
            found.add(f"{file.relative_to(ROOT)}:{line}: {name} (say {instead})")
    return sorted(found)


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_name_holds_an_old_word(file):
    assert old_words_in(file) == []


@pytest.mark.parametrize("file", PROSE, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_text_holds_an_old_word(file):
    text = file.read_text(encoding="utf-8")
    for allowed in ALLOWED_PROSE:
        text = text.replace(allowed, "")
    lines = enumerate(text.splitlines(), start=1)
    assert [f"{number}: {line.strip()}" for number, line in lines if OLD_PROSE.search(line)] == []


def test_names_are_split_into_words():
    assert words_of("max_category_share2") == ["max", "category", "share", "2"]
    assert words_of("WeightedMaskLoss") == ["weighted", "mask", "loss"]
    assert words_of("RLECodec") == ["rle", "codec"]


@pytest.mark.parametrize("name", ["mask2former", "eomt"])
def test_segkit_names_no_package_of_parts(name):
    files = [file for file in (ROOT / "segkit").rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert [file for file in files if name in file.read_text("utf-8").lower()] == []
