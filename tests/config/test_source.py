"""Text to located values."""

import math

import pytest

from segkit.config.nodes import Mapping, Origin, Scalar, Sequence
from segkit.config.plain import plain
from segkit.config.source import dump, parse
from segkit.errors import ConfigError
from tests.helpers.hostile import repeated

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


def test_a_whole_number_as_a_key_stands_for_its_digits():
    node = parse("{7: road, '8': car, 0-6: void}", START)
    assert isinstance(node, Mapping)
    assert list(node.items) == ["7", "8", "0-6"]
    with pytest.raises(ConfigError, match="the key '7' is already set here"):
        parse("{7: road, '7': car}", START)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "x.yaml:3: the key 'a' is already set in line 1. Remove one of the two."),
        ("a: {b: 1, b: 2}", "x.yaml:1: the key 'b' is already set here. Remove one of the two."),
        ("1.5: a", "x.yaml:1: the key '1.5' is not a string. Put it in quotes."),
        ("a: {true: 1}", "x.yaml:1: the key 'true' is not a string. Put it in quotes."),
        ("a: 1\n~: b", "x.yaml:2: the key '~' is not a string. Put it in quotes."),
        ("1e3: a", "x.yaml:1: the key '1e3' is not a string. Put it in quotes."),
        ("a: {b: 1,5}", "x.yaml:1: there is no value after '5'. Write numbers with a '.', not with a ','."),
        ("[a]: 1", "x.yaml:1: a key must be a string, not a list or mapping. Put it in quotes."),
        ("a: &a [*a]", "x.yaml:1: this value contains itself through its anchor. Write it out."),
        ("a: &a\n  b: {c: *a}", "x.yaml:1: this value contains itself through its anchor. Write it out."),
        ("a: &a\n  <<: *a", "x.yaml:1: this value contains itself through its anchor. Write it out."),
        ("a: !!int b", "x.yaml:1: 'b' cannot be read as !!int. Remove the tag."),
        ("a: !!bool yes", "x.yaml:1: 'yes' cannot be read as !!bool. Remove the tag."),
        ("a: !thing b", "x.yaml:1: 'b' cannot be read as !thing. Remove the tag."),
        ("a: !!set {b}", "x.yaml:1: the tag !!set is not supported. Remove it."),
        (
            "a: !!python/object:os.x {}",
            "x.yaml:1: the tag !!python/object:os.x is not supported. Remove it.",
        ),
        ("<<: 3", "x.yaml:1: '<<' takes a mapping, or a list of mappings, such as '<<: *name'."),
        ("a: 1\n<<: [{b: 1}, c]", "x.yaml:2: '<<' takes a mapping, or a list of mappings, such as '<<: *name'."),
        ("a: 12e3456", "x.yaml:1: '12e3456' is too large a number. Put it in quotes if it is a string."),
        (
            f"a: {'9' * 5000}",
            f"x.yaml:1: '{'9' * 56}… is too large a number. Put it in quotes if it is a string.",
        ),
        ("a: \x00", "x.yaml:1: the character '\\x00' is not allowed in YAML. Remove it."),
        ("a: 1\nb: \ud800", "x.yaml:2: the character '\\ud800' is not allowed in YAML. Remove it."),
    ],
)
def test_what_means_nothing_is_reported_with_its_line(text, message):
    with pytest.raises(ConfigError) as caught:
        parse(text, START)
    assert str(caught.value) == message


def test_all_problems_of_a_text_are_reported_at_once():
    with pytest.raises(ConfigError) as caught:
        parse("a: 1\na: 2\nnull: 4", START)
    assert str(caught.value) == (
        "x.yaml:2: the key 'a' is already set in line 1. Remove one of the two.\n"
        "x.yaml:3: the key 'null' is not a string. Put it in quotes."
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[" * 5000, 1),
        ("a: " + "[" * 100 + "]" * 100, 1),
        ("\n".join(f"{' ' * depth}a:" for depth in range(101)) + " {}", 101),
        ("a: " + "{a: " * 300 + "1" + "}" * 300, 1),
        # Through aliases: each line lies one level deeper than the line above.
        ("\n".join(["a0: &a0 []", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 200))]), 100),
    ],
)
def test_a_text_nested_beyond_reason_is_refused(text, line):
    with pytest.raises(ConfigError) as caught:
        parse(text, START)
    assert str(caught.value) == (
        f"x.yaml:{line}: lists and mappings are nested more than 100 levels deep. Make the config flatter."
    )


def test_a_text_as_deep_as_allowed_is_read():
    text = "a: " + "[" * 99 + "]" * 99
    assert plain(parse(dump(plain(parse(text, START))), START)) == plain(parse(text, START))


def test_text_over_several_lines_survives_dumping():
    data = {"a": "one\ntwo  # three: four\n", "b": ["'", '"', " x ", "-", "{"]}
    assert plain(parse(dump(data), START)) == data


def test_on_the_command_line_there_are_no_lines():
    origin = Origin("<command line>")
    assert parse("3", origin) == Scalar(3, origin)


@pytest.mark.parametrize("times", [3, 9, 100])
def test_repeats_that_multiply_are_refused(times):
    """A "billion laughs": a few hundred bytes that stand for more values than fit any memory."""
    with pytest.raises(ConfigError) as caught:
        parse(repeated(times), START)
    line = {3: 8, 9: 5, 100: 2}[times]
    assert str(caught.value) == (
        f"x.yaml:{line}: aliases repeat more than 10000 values, those within repeated ones included. Repeat fewer."
    )


def test_repeated_merges_are_refused():
    lines = ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}, *a{n - 1}]}}" for n in range(1, 30))]
    with pytest.raises(ConfigError, match="aliases repeat more than 10000 values"):
        parse("\n".join(lines), START)


def test_repeats_that_a_config_needs_are_read():
    text = "a: &a {x: [1, 2]}\nb: [" + "*a, " * 1000 + "]"
    assert plain(parse(text, START))["b"] == [{"x": [1, 2]}] * 1000


@pytest.mark.parametrize("text", ["a: &a [*a]", "&a {b: *a}", "a: &a {b: {c: [1, *a]}}", "a: &a {<<: *a}"])
def test_a_value_that_contains_itself_is_refused(text):
    with pytest.raises(ConfigError) as caught:
        parse(text, START)
    assert str(caught.value) == "x.yaml:1: this value contains itself through its anchor. Write it out."


@pytest.mark.parametrize("text", ["x" * 500_001, "a: " + "1" * 500_001, "#" * 500_001])
def test_a_text_of_a_length_that_no_config_has_is_refused(text):
    with pytest.raises(ConfigError) as caught:
        parse(text, START)
    assert str(caught.value) == (
        "x.yaml:1: it has more than 500000 characters, which no config needs. Check that it is the right file."
    )
