"""Self-contained HTML pages of text, tables and images: one file without scripts, which loads nothing else.

Text is escaped unless it is `Html` already, so that a file name or class name cannot become markup.
"""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from segkit.results.grid import LARGEST, reduced
from segkit.runtime.writing import replace_file


class Html(str):
    """Text that is HTML already and is not escaped again."""


Text = str | Html
Cell = str | Html | float
"""Of a table; `float` includes `int`."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --pale: #505050; --paper: #fff; --raised: #f4f4f4; --line: #dedede;
  --curve: none; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --pale: #b0b0b0; --paper: #16181b; --raised: #22262a; --line: #3a3f45;
    --curve: brightness(1.6); } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 75em;
  margin: 2em auto; padding: 0 1em; overflow-wrap: break-word; }
h1 { font-size: 1.6em; } h2 { font-size: 1.25em; margin-top: 2em; border-bottom: 1px solid var(--line); }
table { border-collapse: collapse; margin: 1em 0; } caption { text-align: left; color: var(--pale); }
th, td { padding: 0.25em 0.75em; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top;
  overflow-wrap: break-word; }
th { background: var(--raised); } .number { text-align: right; font-variant-numeric: tabular-nums; }
.matrix th, .matrix td { padding: 0.25em 0.5em; } .matrix td { min-width: 1.6em; }
.upright { vertical-align: bottom; } .upright span { writing-mode: vertical-rl; transform: rotate(180deg);
  white-space: nowrap; }
.images { display: flex; flex-wrap: wrap; gap: 1em; align-items: flex-start; }
.image { min-width: min(16em, 100%); max-width: 100%; } .image img { max-width: 100%; height: auto; display: block; }
.caption { color: var(--pale); overflow-wrap: anywhere; contain: inline-size; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(22em, 100%), 1fr)); gap: 1em; }
.plot h3 { font-size: 1em; margin: 0; } .plot > svg { width: 100%; height: auto; display: block; }
.plot text { font-size: 13px; fill: var(--pale); } .grid { stroke: var(--line); fill: none; }
.plot polyline, .plot circle, .key { filter: var(--curve); }
.legend span { margin-right: 1em; white-space: nowrap; } .key { width: 28px; height: 10px; margin-right: 0.4em; }
.wide, pre { overflow-x: auto; } pre { background: var(--raised); padding: 0.75em; font-size: 13px; line-height: 1.35; }
.origin { color: var(--pale); }
"""
"""The style sheet of all pages: dark where the reader's system is."""

# Browsers then refuse scripts and whatever is not in the file.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(title: str, parts: Iterable[Text]) -> str:
    """Returns a whole page.

    Args:
        title: Of the window, and the heading of the page.
        parts: What stands below it, in order.

    Example:
        >>> text = page("Report of a<b", [table(["class", "images"], [["car", 3]])])
        >>> "<h1>Report of a&lt;b</h1>" in text, "<td>car</td>" in text, "<script" in text
        (True, True, False)
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{title_element(title)}\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        + "\n".join(map(escape, parts))
        + "\n</body>\n</html>\n"
    )


def title_element(title: str) -> str:
    """Returns the element of a page that tells its title.

    Example:
        >>> title_element("a & b")
        '<title>a &amp; b</title>'
    """
    return f"<title>{escape(title)}</title>"


def write_page(path: Path, title: str, parts: Iterable[Text]) -> None:
    """Writes a page.

    Raises:
        WriteError: The file cannot be written.
    """
    text = page(title, parts)
    with replace_file(path) as draft:
        draft.write_text(text, encoding="utf-8")


def escape(text: Text) -> Html:
    """Returns text as HTML; what is `Html` already stays as it is.

    Example:
        >>> escape("1 < 2"), escape(escape("1 < 2"))
        ('1 &lt; 2', '1 &lt; 2')
    """
    if isinstance(text, Html):
        return text
    # Half a surrogate pair, as in names of files that are not UTF-8, cannot be written.
    return Html(html.escape(text.encode("utf-8", "backslashreplace").decode()))


def element(tag: str, *parts: Text, style_class: str = "") -> Html:
    """Returns an element around parts, such as `element("p", "some text")` or `element("h2", "Classes")`.

    Args:
        tag: The name of the element.
        parts: Its content.
        style_class: A class of the style sheet.
    """
    marked = f' class="{escape(style_class)}"' if style_class else ""
    return Html(f"<{tag}{marked}>{''.join(map(escape, parts))}</{tag}>")


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], caption: str = "") -> Html:
    """Returns a table, which scrolls where the window is too narrow for it.

    Numbers stand on the right; floats have four decimals, and nan is a dash.

    Args:
        columns: The header.
        rows: Equally many cells each.
        caption: Above the table.
    """
    body = [list(row) for row in rows]
    # A column of numbers has its name on the right as well.
    numeric = {index for row in body for index, cell in enumerate(row) if not isinstance(cell, str)}
    heads = [
        element("th", name, style_class="number" if index in numeric else "") for index, name in enumerate(columns)
    ]
    lines = [element("tr", *map(_cell, row)) for row in body]
    above = [element("caption", caption)] if caption else []
    return scrolling(element("table", *above, element("thead", element("tr", *heads)), element("tbody", *lines)))


def scrolling(made: Html) -> Html:
    """Lets a wide table scroll by itself, so that the page stays as wide as the window.

    Example:
        >>> scrolling(element("table"))
        '<div class="wide"><table></table></div>'
    """
    return element("div", made, style_class="wide")


def image(drawn: Image.Image, caption: Text = "", longest: int = LARGEST, lossless: bool = False) -> Html:
    """Returns an image with its bytes in the page.

    Args:
        drawn: The image.
        caption: Below it.
        longest: Larger images are reduced until their longer side has this many pixels.
        lossless: Embed it as PNG, for lines and text. Photographs are several times smaller as JPEG.
    """
    data = io.BytesIO()
    small = reduced(drawn.convert("RGB"), longest)
    if lossless:
        small.save(data, format="PNG")
    else:
        small.save(data, format="JPEG", quality=85, subsampling=0)
    kind = "png" if lossless else "jpeg"
    encoded = base64.b64encode(data.getvalue()).decode("ascii")
    # An attribute holds no markup.
    described = "" if isinstance(caption, Html) else escape(caption)
    shown = Html(
        f'<img src="data:image/{kind};base64,{encoded}" width="{small.width}" height="{small.height}" '
        f'alt="{described}">'
    )
    return element("div", shown, element("div", caption, style_class="caption"), style_class="image")


def images(drawn: Iterable[Html]) -> Html:
    """Returns images of `image` in rows, as many in each as the window has room for."""
    return element("div", *drawn, style_class="images")


def shown_number(value: float) -> str:
    """Returns a number as tables show it.

    Example:
        >>> shown_number(3), shown_number(0.25), shown_number(0.00025), shown_number(math.nan)
        ('3', '0.2500', '0.00025', '–')
    """
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "–"
    # Small ones, such as learning rates, would be 0.0000.
    return f"{value:.4f}" if value == 0 or abs(value) >= 0.001 else f"{value:.3g}"


def _cell(cell: Cell) -> Html:
    if isinstance(cell, str):
        return element("td", cell)
    return element("td", shown_number(cell), style_class="number")
