"""`key.sub=value`."""

import pytest

from segkit.config.compose import compose
from segkit.config.nodes import plain
from segkit.config.overrides import parse_overrides
from segkit.errors import ConfigError

TEXT = """\
model: {type: a, width: 1, inner: {type: b, depth: 2}}
losses: [{type: dice, weight: 1}, {type: focal}]
nothing: null
empty: []
"""
ITEMS = "losses is a list (x.yaml:2) without an item '{}'; its items are losses.0 to .1."


def resolved(tmp_path, *overrides):
    (tmp_path / "x.yaml").write_text(TEXT)
    return compose("x.yaml", parse_overrides(overrides))


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("model.width=1e-3", "model", {"type": "a", "width": 0.001, "inner": {"type": "b", "depth": 2}}),
        (
            "model.inner.depth=[1, {x: y}]",
            "model",
            {"type": "a", "width": 1, "inner": {"type": "b", "depth": [1, {"x": "y"}]}},
        ),
        (
            "model.inner={height: 3}",
            "model",
            {"type": "a", "width": 1, "inner": {"type": "b", "depth": 2, "height": 3}},
        ),
        ("model.inner.type=c", "model", {"type": "a", "width": 1, "inner": {"type": "c"}}),
        ("model.type=c", "model", {"type": "c"}),
        ("model=null", "model", None),
        ("losses.1.weight=3", "losses", [{"type": "dice", "weight": 1}, {"type": "focal", "weight": 3}]),
        ("losses.0.type=x", "losses", [{"type": "x"}, {"type": "focal"}]),
        ("losses=[]", "losses", []),
        ("nothing.a.b=1", "nothing", {"a": {"b": 1}}),
        ("new.a=text = more", "new", {"a": "text = more"}),
        ("new=''", "new", ""),
    ],
)
def test_a_value_is_laid_over_the_config(tmp_path, override, key, value):
    changed = plain(resolved(tmp_path, override))
    assert changed.pop(key) == value
    unchanged = plain(resolved(tmp_path))
    unchanged.pop(key, None)
    assert changed == unchanged


def test_origins_tell_what_the_command_line_set(tmp_path):
    config = resolved(tmp_path, "model.inner.depth=5")
    model = config.items["model"]
    assert str(config.keys["model"]) == "x.yaml:1"
    assert str(model.items["width"].origin) == "x.yaml:1"
    assert str(model.items["inner"].origin) == "x.yaml:1"
    assert str(model.items["inner"].keys["depth"]) == "<command line>"
    assert str(model.items["inner"].items["depth"].origin) == "<command line>"


def test_settings_of_a_new_type_may_stand_before_it(tmp_path):
    config = plain(resolved(tmp_path, "model.inner.height=1", "model.inner.type=c", "model.type=a"))
    assert config["model"]["inner"] == {"type": "c", "height": 1}


def test_of_one_key_given_twice_the_later_value_counts(tmp_path):
    assert plain(resolved(tmp_path, "model.width=2", "model.width=3"))["model"]["width"] == 3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.width", "<command line>: 'model.width' sets nothing. Write key=value, such as training.steps=100."),
        ("=3", "<command line>: '=3' has an empty key. Write key.sub=value, such as training.steps=100."),
        ("a..b=3", "<command line>: 'a..b=3' has an empty key. Write key.sub=value, such as training.steps=100."),
        (
            "model.width=",
            "<command line>: model.width: there is no value. Write model.width=null for none, model.width=\"''\" for "
            "empty text.",
        ),
        (
            "model.width=[1",
            "<command line>: model.width: this is no YAML: expected ',' or ']', but got '<stream end>' while parsing a "
            "flow sequence. Look for a missing bracket, quote, colon or space here or just above.",
        ),
        (
            "model={a: 1, a: 2}",
            "<command line>: model: the key 'a' stands here already. Keep one of the two.",
        ),
        (
            "extends=x.yaml",
            "<command line>: extends: a config extends others in its file only. Set single values here.",
        ),
        (
            "model.width.x=3",
            "<command line>: model.width.x: model.width is 1 (x.yaml:1); it has no keys to set.",
        ),
        ("losses.2.weight=3", f"<command line>: losses.2.weight: {ITEMS.format('2')}"),
        ("losses.-1.weight=3", f"<command line>: losses.-1.weight: {ITEMS.format('-1')}"),
        ("losses.dice=3", f"<command line>: losses.dice: {ITEMS.format('dice')}"),
        ("empty.0=3", "<command line>: empty.0: empty is a list (x.yaml:4) without an item '0'; it is empty."),
    ],
)
def test_what_leads_nowhere_is_refused(tmp_path, override, message):
    with pytest.raises(ConfigError) as caught:
        resolved(tmp_path, override)
    assert str(caught.value) == message


def test_all_wrong_overrides_are_told_at_once(tmp_path):
    with pytest.raises(ConfigError) as caught:
        resolved(tmp_path, "model.width.x=3", "losses.5=3")
    assert len(str(caught.value).splitlines()) == 2
    with pytest.raises(ConfigError) as caught:
        resolved(tmp_path, "a", "b", "c=1")
    assert len(str(caught.value).splitlines()) == 2
