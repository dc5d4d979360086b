"""Links between pages, and files, commands and settings that prose names, exist."""

import re

import pytest

import segkit
from segkit.cli.main import commands
from tests.helpers.pages import PAGES, ROOT, inline_code, name_of, prose_of

FOLDERS = ("segkit/", "tools/", "tests/", "configs/", "docs/", "plugins/")
EXAMPLES = {"segkit/losses/my_loss.py", "tests/losses/test_my_loss.py"}
"""Files that a page tells its readers to write."""
MOVED_OR_GONE = "CHANGELOG.md"
"""Names what was there before."""


def anchors_of(page):
    """Returns the anchors that a code host gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", prose_of(page), flags=re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings]
    before = [plain[:index].count(anchor) for index, anchor in enumerate(plain)]
    return {f"{anchor}-{number}" if number else anchor for anchor, number in zip(plain, before, strict=True)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose_of(page)):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors_of(file), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_named_in_prose_exist(page):
    for code in inline_code(page):
        if code.startswith(FOLDERS) and code not in EXAMPLES and not re.search(r"[<>*\s]", code):
            assert (ROOT / code).exists(), code


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_named_in_prose_exist(page):
    if name_of(page) == MOVED_OR_GONE:
        return
    for code in inline_code(page):
        for name in re.findall(r"^segkit ([a-z-]+)", code):
            assert name in commands(), code
        for script in re.findall(r"tools/\w+\.py", code):
            assert (ROOT / script).is_file(), code


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_settings_named_in_prose_exist(page):
    """Code such as `training.accumulate: 8` or `model.backbone.pretrained=false` can be laid over the quickstart."""
    for code in inline_code(page):
        setting = re.fullmatch(r"((?:model|criterion|data|training)(?:\.\w+)+)(?::\s*|=)(\[.*\]|[\w.-]+)", code)
        if setting and not re.fullmatch(r"[A-Z]+", setting[2]):
            segkit.load_config(ROOT / "configs/quickstart.yaml", [f"{setting[1]}={setting[2]}"])


def test_every_page_is_in_the_index():
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "index.md" or f"({page.name})" in index


def test_the_architecture_names_every_folder():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    folders = {file.parent for file in (ROOT / "segkit").rglob("*.py")} - {ROOT / "segkit"}
    missing = [folder.name for folder in folders if f"{folder.name}/`" not in text]
    assert [name for name in missing if name not in ("huggingface",)] == []
