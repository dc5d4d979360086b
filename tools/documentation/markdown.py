"""Markdown of settings and docstrings."""

import re
import textwrap
from collections.abc import Iterable, Sequence

from segkit.config.descriptions import SettingDescription
from segkit.config.source import inline

HEADER = "<!-- Generated: run `python tools/generate_docs.py` instead of editing this page. -->"


def anchor(heading: str) -> str:
    """Returns the anchor that code hosts give a heading."""
    return re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")


def link(text: str, heading: str, page: str = "") -> str:
    """Returns a link to a heading, of the same page if none is named."""
    return f"[{text}]({page}#{anchor(heading)})"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table. Cells may hold inline Markdown."""
    lines = [header, ["---"] * len(header), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def settings_table(settings: Sequence[SettingDescription], links: dict[str, str]) -> str:
    """Returns a table of settings. `links` are for descriptions of types, such as `a backbone`."""
    rows = []
    for setting in settings:
        default = "required" if setting.required else f"`{inline(setting.default)}`"
        kind = links.get(setting.type, setting.type)
        rows.append([f"`{setting.name}`", kind, default, setting.documentation])
    return table(["setting", "type", "default", "description"], rows)


def docstring(text: str) -> str:
    """Returns a docstring in Google style as Markdown: examples as code, `Raises:` and the like as lists."""
    blocks: list[str] = []
    for block in re.split(r"^(?=\w+:\n    )", text, flags=re.MULTILINE):
        section = re.match(r"(\w+):\n((?:    .*\n?|\n)+)", block)
        if section is None:
            blocks.append(block.strip())
            continue
        inside = textwrap.dedent(section[2]).strip()
        if inside.startswith(">>>"):
            blocks.append(f"```pycon\n{inside}\n```")
        else:
            entries = re.sub(r"^(\w+): ", r"* `\1`: ", inside, flags=re.MULTILINE)
            blocks.append(f"{section[1]}:\n\n{entries}")
        blocks.append(block[section.end() :].strip())
    return "\n\n".join(filter(None, blocks))


def paragraph(text: str) -> str:
    """Returns the docstring of a member as one line."""
    return " ".join(text.split())
