"""The pages people read: README.md, the other Markdown files of the root, and docs/."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]

FRAGMENT = "<!-- fragment -->"
"""Stands on the line before a YAML block that is a part of a config."""

_BLOCK = re.compile(r"^(?P<before>[^\n]*)\n```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str
    fragment: bool

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    """Returns the path of a page as a reader knows it, such as `docs/python.md`."""
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path, language: str) -> list[Block]:
    """Returns the fenced blocks of one language."""
    text = "\n" + page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, language, found["text"], found["before"] == FRAGMENT)
        for found in _BLOCK.finditer(text)
        if found["language"] == language
    ]


def all_blocks(language: str) -> list[Block]:
    """Returns the fenced blocks of one language on all pages."""
    return [block for page in PAGES for block in blocks_of(page, language)]


def prose_of(page: Path) -> str:
    """Returns a page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def inline_code(page: Path) -> list[str]:
    """Returns what stands between single backticks outside of fenced blocks."""
    return re.findall(r"`([^`\n]+)`", prose_of(page))
