"""The README is short, names every command, and its commands are run as printed."""

import re

from segkit.cli.main import commands
from tests.helpers.pages import README, ROOT, blocks_of, name_of

MOST_LINES = 120
MOST_BYTES = 150_000
"""Of its image."""

TEXT = README.read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_it_is_short():
    assert len(TEXT.splitlines()) <= MOST_LINES


def test_its_image_is_there_and_small():
    (image,) = re.findall(r"!\[[^\]]+\]\((.*?)\)", TEXT)
    assert (ROOT / image).stat().st_size <= MOST_BYTES


def test_the_table_of_commands_names_every_command():
    assert re.findall(r"^\| `segkit ([\w-]+)", TEXT, flags=re.MULTILINE) == list(
        dict.fromkeys(re.findall(r"^\| `segkit ([\w-]+)", TEXT, flags=re.MULTILINE))
    )
    assert set(re.findall(r"^\| `segkit ([\w-]+)", TEXT, flags=re.MULTILINE)) == set(commands())


def test_it_links_to_every_page():
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "index.md" or f"({name_of(page)})" in TEXT


def test_ci_runs_its_commands_as_printed():
    blocks = blocks_of(README, "bash")
    assert len(blocks) == 2
    for block in blocks:
        first = block.text.partition("\n")[0]
        assert f"run_from README.md '{first}'" in CI


def test_ci_runs_the_commands_of_the_plugin_page():
    first = blocks_of(ROOT / "docs/plugins.md", "bash")[0].text.partition("\n")[0]
    assert f"run_from docs/plugins.md '{first}'" in CI
