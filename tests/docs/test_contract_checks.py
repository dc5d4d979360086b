"""The table of contract checks in the page about plugins names all of them, once."""

import re
from pathlib import Path

from segkit import testing
from segkit.registries import REGISTRIES

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"


def test_the_table_names_every_check():
    table = PAGE.read_text().partition("| Check | takes |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"`(check_\w+)`", table)) == sorted(testing.__all__)


def test_every_kind_of_part_has_a_check():
    assert {f"check_{registry.kind}" for registry in REGISTRIES} == set(testing.__all__)
