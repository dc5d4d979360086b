"""`extends` and the rules of merging."""

import pytest

from segkit.config.compose import compose
from segkit.config.nodes import plain
from segkit.errors import ConfigError


@pytest.fixture
def files(tmp_path):
    """Writes files given as path -> text."""

    def write(**texts: str) -> None:
        for name, text in texts.items():
            path = tmp_path / (name.replace("__", "/") + ".yaml")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    return write


def refused(file: str) -> str:
    with pytest.raises(ConfigError) as caught:
        compose(file)
    return str(caught.value)


def test_mappings_merge_and_everything_else_replaces(files):
    files(
        base="a: {b: 1, c: {d: 2}}\nlist: [1, 2]\ngone: {x: 1}",
        x="extends: base.yaml\na: {c: {e: 3}}\nlist: [4]\ngone: null",
    )
    assert plain(compose("x.yaml")) == {"a": {"b": 1, "c": {"d": 2, "e": 3}}, "list": [4], "gone": None}


def test_a_new_type_drops_the_old_settings(files):
    files(
        base="p: {type: a, width: 1}\nq: {type: a, width: 1}",
        x="extends: base.yaml\np: {type: b}\nq: {type: a, depth: 2}",
    )
    assert plain(compose("x.yaml")) == {"p": {"type": "b"}, "q": {"type": "a", "width": 1, "depth": 2}}


def test_later_bases_lie_over_earlier_ones_and_paths_are_relative_to_the_file(files):
    files(
        base__a="a: 1\nb: 1\nc: 1",
        base__b="extends: a.yaml\nb: 2",
        base__c="c: 3",
        model__x="extends: [../base/b.yaml, ../base/c.yaml]\nd: 4",
    )
    config = compose("model/x.yaml")
    assert plain(config) == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert {key: str(node.origin) for key, node in config.items.items()} == {
        "a": "base/a.yaml:1",
        "b": "base/b.yaml:2",
        "c": "base/c.yaml:1",
        "d": "model/x.yaml:2",
    }


def test_one_base_may_be_reached_on_two_ways(files):
    files(
        base="a: 1",
        left="extends: base.yaml\nb: 2",
        right="extends: base.yaml\nc: 3",
        x="extends: [left.yaml, right.yaml]",
    )
    assert plain(compose("x.yaml")) == {"a": 1, "b": 2, "c": 3}


def test_a_circle_names_its_lines(files):
    files(x="a: 1\nextends: y.yaml", y="extends:\n  - z.yaml", z="b: 1\n\nextends: x.yaml")
    assert refused("x.yaml") == (
        "z.yaml:3: extends: x.yaml extends itself through x.yaml:2, y.yaml:2, z.yaml:3. Take one of these lines out."
    )


def test_a_circle_need_not_include_the_first_file(files):
    files(x="extends: y.yaml", y="extends: y.yaml")
    assert (
        refused("x.yaml") == "y.yaml:1: extends: y.yaml extends itself through y.yaml:1. Take one of these lines out."
    )


def test_missing_bases_are_told_together(files):
    files(base__resnet="a: 1", x="extends:\n  - base/resnett.yaml\n  - nowhere/y.yaml")
    assert refused("x.yaml").splitlines() == [
        "x.yaml:2: extends: there is no file base/resnett.yaml. Did you mean 'resnet.yaml'?",
        "x.yaml:3: extends: there is no file nowhere/y.yaml.",
    ]


def test_problems_inside_several_bases_are_told_together(files):
    files(a="a: [", b="b: 1\nb: 2", x="extends: [a.yaml, b.yaml]")
    assert [line.split(": ")[0] for line in refused("x.yaml").splitlines()] == ["a.yaml:1", "b.yaml:2"]


@pytest.mark.parametrize("value", ["3", "{a: b}", "[a.yaml, [b.yaml]]", "null"])
def test_extends_takes_files(files, value):
    files(a="a: 1", x=f"b: 2\nextends: {value}")
    assert refused("x.yaml") == "x.yaml:2: extends: name a file, or a list of files, relative to this one: base/x.yaml."


def test_a_missing_file_is_told_with_its_neighbour(files):
    files(camvid="a: 1")
    assert refused("camvdi.yaml") == "camvdi.yaml: there is no such file. Did you mean 'camvid.yaml'?"
