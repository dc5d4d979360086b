"""`key.sub=value`."""

import pytest

from segkit.config.compose import compose
from segkit.config.overrides import parse_overrides
from segkit.config.plain import plain
from segkit.config.source import read_file

TEXT = """\
model: {type: a, width: 1, inner: {type: b, depth: 2}}
losses: [{type: dice, weight: 1}, {type: focal}]
nothing: null
empty: []
"""


def resolved(tmp_path, *overrides):
    (tmp_path / "x.yaml").write_text(TEXT)
    return compose(read_file("x.yaml"), parse_overrides(overrides))


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
def test_a_value_overrides_the_config(tmp_path, override, key, value):
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
