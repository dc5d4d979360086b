"""YAML without surprises."""

import re
from pathlib import Path

import pytest

from segkit.data.class_list import read_classes
from segkit.data.yaml_values import read_yaml
from segkit.errors import DataError
from tests.helpers.hostile import repeated

FILE = Path("data.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("names: [no, yes, on, 1.5, 2020-01-01, '1']", {"names": ["no", "yes", "on", "1.5", "2020-01-01", "1"]}),
        ("a: true\nb: ~\nc: -3\nd:\n", {"a": True, "b": None, "c": -3, "d": None}),
        ("", None),
        ("!!str a", "a"),
    ],
)
def test_values(text, expected):
    assert read_yaml(text, FILE) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("names:\n  0: a\n  0: b\n", "line 3: the key '0' appears twice. Remove one."),
        ("[1, 2", "cannot read YAML ("),
        (
            "names: !!python/object/apply:os.system [echo]",
            "line 1: the tag tag:yaml.org,2002:python/object/apply:os.system is not supported. Remove it.",
        ),
        ("!x a", "line 1: the tag !x is not supported. Remove it."),
        (
            "[" * 5000,
            "cannot read YAML (lists and mappings are nested more than 100 levels deep). Correct the file.",
        ),
        ("names: &a [*a]", "cannot read YAML (this value contains itself through its anchor in "),
        (repeated(9), "cannot read YAML (aliases repeat more than 10000 values in "),
        ("x" * 500_001, "cannot read YAML (it has more than 500000 characters). Correct the file."),
    ],
)
def test_problems(text, problem):
    with pytest.raises(DataError, match=f"^{re.escape(f'data.yaml: {problem}')}"):
        read_yaml(text, FILE)


@pytest.mark.parametrize(
    "text",
    [
        "train: ../train/images\nval: ../val\nnc: 2\nnames: ['road', 'car']\n",
        "names:\n- road\n- car\nnc: 2\n",
        "path: x\nnames:\n  0: road\n  1: car  # all of them\n",
        "- road\n- car\n",
        "- {name: road, isthing: false}\n- name: car\n",
    ],
)
def test_class_lists(tmp_path, text):
    (tmp_path / "data.yaml").write_text(text)
    classes = read_classes(tmp_path / "data.yaml")
    assert (classes.names, classes.ids) == (("road", "car"), (0, 1))
