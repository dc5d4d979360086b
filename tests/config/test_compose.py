"""`extends` and the rules of merging."""

import pytest

from segkit.config.compose import compose
from segkit.config.plain import plain
from segkit.config.source import read_file
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


def test_mappings_merge_and_everything_else_replaces(files):
    files(
        base="a: {b: 1, c: {d: 2}}\nlist: [1, 2]\ngone: {x: 1}",
        x="extends: base.yaml\na: {c: {e: 3}}\nlist: [4]\ngone: null",
    )
    assert plain(compose(read_file("x.yaml"))) == {"a": {"b": 1, "c": {"d": 2, "e": 3}}, "list": [4], "gone": None}


def test_a_new_type_drops_the_old_settings(files):
    files(
        base="p: {type: a, width: 1}\nq: {type: a, width: 1}",
        x="extends: base.yaml\np: {type: b}\nq: {type: a, depth: 2}",
    )
    assert plain(compose(read_file("x.yaml"))) == {"p": {"type": "b"}, "q": {"type": "a", "width": 1, "depth": 2}}


def test_later_bases_lie_over_earlier_ones_and_paths_are_relative_to_the_file(files):
    files(
        base__a="a: 1\nb: 1\nc: 1",
        base__b="extends: a.yaml\nb: 2",
        base__c="c: 3",
        model__x="extends: [../base/b.yaml, ../base/c.yaml]\nd: 4",
    )
    config = compose(read_file("model/x.yaml"))
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
    assert plain(compose(read_file("x.yaml"))) == {"a": 1, "b": 2, "c": 3}


def test_a_base_may_lie_in_the_home_folder(files, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    files(home__base="a: 1", model__x="extends: ~/base.yaml\nb: 2")
    assert plain(compose(read_file("model/x.yaml"))) == {"a": 1, "b": 2}


@pytest.mark.parametrize("of_a_checkpoint", [False, True])
def test_files_that_multiply_by_extending_each_other_are_refused(files, tmp_path, of_a_checkpoint):
    files(x0="a: 1", **{f"x{n}": f"extends: [x{n - 1}.yaml, x{n - 1}.yaml]" for n in range(1, 26)})
    if of_a_checkpoint:
        (tmp_path / "model.safetensors").touch()
    with pytest.raises(ConfigError) as caught:
        compose(read_file("x25.yaml"))
    (line,) = str(caught.value).splitlines()
    message = "extends: more than 100 files are extended in all, counting repeats. Extend fewer files."
    assert line == f"x25.yaml:1: {message}"


def test_a_long_list_of_files_is_refused(files):
    files(
        base="a: 1", x=f"extends: [{', '.join(['base.yaml'] * 3000)}]", y=f"extends: [{', '.join(['base.yaml'] * 100)}]"
    )
    assert plain(compose(read_file("y.yaml"))) == {"a": 1}
    with pytest.raises(ConfigError) as caught:
        compose(read_file("x.yaml"))
    message = "extends: more than 100 files are extended in all, counting repeats. Extend fewer files."
    assert str(caught.value) == f"x.yaml:1: {message}"


def test_a_long_chain_of_files_is_refused(files):
    files(x0="a: 1", **{f"x{n}": f"extends: x{n - 1}.yaml" for n in range(1, 1500)})
    with pytest.raises(ConfigError, match=r"^x1399\.yaml:1: extends: more than 100 files are extended in all"):
        compose(read_file("x1499.yaml"))
