"""What is no class name."""

import re

import pytest

from segkit.data.class_names import check_names
from segkit.errors import DataError


@pytest.mark.parametrize("name", ["road", "lane 1", "7", "a:b", "#1", "_background_", "wall, inside", "a=b", "äöü"])
def test_names(name):
    check_names([name], "classes")


def test_all_that_are_no_names_are_told_at_once():
    message = (
        "classes: '' is no class name: it is empty. Correct or remove it.\n"
        "classes: ' box' is no class name: it begins or ends with a blank. Correct or remove it.\n"
        "classes: '\\u200bcar' is no class name: it begins or ends with a character that cannot be seen. Correct or "
        "remove it.\n"
        "classes: 'a\\tb' is no class name: it holds control characters or half characters. Correct or remove it."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        check_names(["", "car", " box", "\u200bcar", "a\tb"], "classes")
