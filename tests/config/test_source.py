"""Text to located values."""

import math

import pytest

from segkit.config.nodes import Mapping, Origin, Scalar, Sequence, plain
from segkit.config.source import dump, parse, read_file
from segkit.errors import ConfigError

START = Origin("x.yaml", 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 0.0001),
        ("1E5", 100000.0),
        ("-.5", -0.5),
        ("3.", 3.0),
        ("+7", 7),
        ("007", 7),
        ("0x1F", 31),
        ("0o17", 15),
        ("-.inf", -math.inf),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("!!float 1", 1.0),
        ("=", "="),
        ("résumé", "résumé"),
    ],
)
def test_scalars_are_read_as_people_mean_them(text, value):
    read = plain(parse(text, START))
    assert read == value
    assert type(read) is type(value)
    again = plain(parse(dump({"key": read}), START))
    assert again == {"key": value}
    assert type(again["key"]) is type(value)


def test_nan_is_a_number():
    assert math.isnan(plain(parse(".nan", START)))
    assert math.isnan(plain(parse(dump([math.nan]), START))[0])


def test_every_key_value_and_item_knows_its_line():
    node = parse("a:\n  b: 1\n  c:\n    - x\n    -\n      y\n", START)
    assert isinstance(node, Mapping)
    inner = node.items["a"]
    assert isinstance(inner, Mapping)
    items = inner.items["c"]
    assert isinstance(items, Sequence)
    assert str(node.keys["a"]) == "x.yaml:1"
    assert str(inner.items["b"].origin) == "x.yaml:2"
    assert str(inner.keys["c"]) == "x.yaml:3"
    assert [str(item.origin) for item in items.items] == ["x.yaml:4", "x.yaml:6"]


def test_aliases_and_merge_keys_are_resolved():
    text = """\
base: &base {a: 1, b: 1, c: 1}
other: &other {b: 2, d: 2}
same: *base
one: {<<: *base, a: 3}
several: {<<: [*other, *base], c: 4}
"""
    data = plain(parse(text, START))
    assert data["same"] == {"a": 1, "b": 1, "c": 1}
    assert data["one"] == {"a": 3, "b": 1, "c": 1}
    assert data["several"] == {"a": 1, "b": 2, "c": 4, "d": 2}


def test_a_merged_value_is_located_where_it_is_written():
    node = parse("base: &base\n  a: 1\nuser:\n  <<: *base\n  b: 2\n", START)
    assert isinstance(node, Mapping)
    user = node.items["user"]
    assert isinstance(user, Mapping)
    assert [str(user.keys[key]) for key in ("a", "b")] == ["x.yaml:2", "x.yaml:5"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "x.yaml:3: the key 'a' stands in line 1 already. Keep one of the two."),
        ("a:\n\t- b", "x.yaml:2: a tab stands where YAML wants spaces. Indent with spaces."),
        (
            "a: [1, 2\nb: 3",
            "x.yaml:2: this is no YAML: expected ',' or ']', but got ':' while parsing a flow sequence. "
            "Look for a missing bracket, quote, colon or space here or just above.",
        ),
        (
            "a: b: c",
            "x.yaml:1: a ':' stands where YAML wants none. Put text that contains ': ' in quotes, and look at the "
            "indentation.",
        ),
        ("a: *b", "x.yaml:1: there is no anchor '&b' above. Write '&b' at the value that is meant."),
        ("a: 1\n---\nb: 2", "x.yaml:2: a second document starts here. A config is one; take the '---' out."),
        ("1: a", "x.yaml:1: the key '1' is no text. Put it in quotes."),
        ("a: {true: 1}", "x.yaml:1: the key 'true' is no text. Put it in quotes."),
        ("[a]: 1", "x.yaml:1: the key is no text. Put it in quotes."),
        ("a: &a [*a]", "x.yaml:1: this contains itself through its anchor. Write it out."),
        ("a: !!int b", "x.yaml:1: 'b' cannot be read as !!int. Leave the tag out."),
        ("a: !thing b", "x.yaml:1: 'b' cannot be read as !thing. Leave the tag out."),
        (
            "a: !!python/object:os.x {}",
            "x.yaml:1: the tag !!python/object:os.x has no meaning here. Leave it out.",
        ),
        ("<<: 3", "x.yaml:1: '<<' takes a mapping, or a list of mappings, such as '<<: *name'."),
        ("a: \x00", "x.yaml:1: character 0 is not allowed in YAML."),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(text, message):
    with pytest.raises(ConfigError) as caught:
        parse(text, START)
    assert str(caught.value) == message


def test_all_problems_of_a_text_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        parse("a: 1\na: 2\n3: 4", START)
    assert str(caught.value) == (
        "x.yaml:2: the key 'a' stands in line 1 already. Keep one of the two.\n"
        "x.yaml:3: the key '3' is no text. Put it in quotes."
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.yaml:1: this file is empty. A config is a mapping, such as 'model: {type: mask_former}'."),
        (
            b"# only this\n",
            "x.yaml:1: this file is empty. A config is a mapping, such as 'model: {type: mask_former}'.",
        ),
        (
            b"\n- a\n",
            "x.yaml:2: a config is a mapping of keys to values, such as 'model: {type: mask_former}'.",
        ),
        (b"text", "x.yaml:1: a config is a mapping of keys to values, such as 'model: {type: mask_former}'."),
        (b"a: \xff", "x.yaml:1: this is no UTF-8 text (invalid start byte at byte 3)."),
    ],
)
def test_a_file_that_is_no_config_is_refused(tmp_path, content, message):
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_file("x.yaml")
    assert str(caught.value) == message


def test_a_text_nested_beyond_reason_is_refused():
    with pytest.raises(ConfigError) as caught:
        parse("[" * 5000, START)
    assert str(caught.value) == "x.yaml:1: this is nested too deeply."


def test_text_over_several_lines_survives_dumping():
    data = {"a": "one\ntwo  # three: four\n", "b": ["'", '"', " x ", "-", "{"]}
    assert plain(parse(dump(data), START)) == data


def test_on_the_command_line_there_are_no_lines():
    origin = Origin("<command line>")
    assert parse("3", origin) == Scalar(3, origin)
