"""Bounds on YAML, whoever reads it. Their messages are tested in tests/config/test_source.py and tests/data."""

import ast
from pathlib import Path

import pytest
import yaml

import segkit
from segkit.runtime.yaml_nodes import MAX_REPEATED, compose

PACKAGE = Path(segkit.__file__).parent


def test_repeats_are_counted_with_what_they_hold():
    # Each alias repeats the list and its nine values.
    most = MAX_REPEATED // 10
    text = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\nb: [" + "*a, " * most + "]"
    node = compose(text, yaml.SafeLoader)
    assert node is not None
    with pytest.raises(yaml.MarkedYAMLError, match="aliases repeat more than 10000 values"):
        compose(text.replace("b: [", "b: [*a, "), yaml.SafeLoader)


def test_values_that_are_written_out_may_be_many():
    assert compose("[" + "1, " * 20_000 + "]", yaml.SafeLoader) is not None


def test_nothing_else_parses_yaml():
    parsing = {"compose", "load", "safe_load", "load_all", "safe_load_all", "full_load", "parse", "scan"}
    found = [
        file.relative_to(PACKAGE).as_posix()
        for file in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "yaml" and node.attr in parsing
    ]
    assert found == ["runtime/yaml_nodes.py"]
