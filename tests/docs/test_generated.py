"""The generated pages of docs/ are up to date, and what makes them turns docstrings into Markdown."""

import subprocess
import sys
from pathlib import Path

import pytest
from documentation.markdown import docstring, settings_table

from segkit.config.descriptions import SettingDescription

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    # In a process of its own, in which no other test has registered parts.
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, ROOT / "tools" / "generate_docs.py", "--output", folder]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("name", ["config.md", "parts.md", "zoo.md"])
def test_a_generated_page_is_up_to_date(generated, name):
    assert {path.name for path in generated.iterdir()} == {"config.md", "parts.md", "zoo.md"}
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == (generated / name).read_text(encoding="utf-8"), "run: python tools/generate_docs.py"


def test_a_docstring_as_markdown():
    text = """\
Summary.

* an item

Raises:
    ConfigError: it is wrong,
        or late.
    ValueError: never.

Example:
    >>> 1 + 1
    2

    >>> 3
    3

More."""
    assert (
        docstring(text)
        == """\
Summary.

* an item

Raises:

* `ConfigError`: it is wrong,
    or late.
* `ValueError`: never.

```pycon
>>> 1 + 1
2

>>> 3
3
```

More."""
    )


def test_a_table_of_settings():
    settings = [
        SettingDescription("width", "a number | more", True, None, "How wide."),
        SettingDescription("backbone", "a backbone", False, None, "`x` first."),
        SettingDescription("betas", "a list of 2 numbers", False, (0.9, 0.999), "AdamW's."),
    ]
    assert settings_table(settings, {"a backbone": "[a backbone](#backbones)"}).splitlines()[2:] == [
        "| `width` | a number \\| more | required | How wide. |",
        "| `backbone` | [a backbone](#backbones) | `null` | `x` first. |",
        "| `betas` | a list of 2 numbers | `[0.9, 0.999]` | AdamW's. |",
    ]
