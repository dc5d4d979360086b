"""What a config sets, by path."""

from segkit.config.nodes import Origin
from segkit.config.plain import from_plain
from segkit.config.written import Written

CONFIG = Written(
    from_plain({"a": {"b": None, "c": 3}, "losses": [{"type": "x", "weight": 1.5}, {"type": "segkit/y"}]}, Origin("f"))
)


def test_null_counts_as_not_set():
    assert "a.c" in CONFIG
    assert "a.b" not in CONFIG
    assert "a.d" not in CONFIG
    assert CONFIG.value("a.b") is None


def test_values_numbers_and_items():
    assert CONFIG.value("losses.0.type") == "x"
    assert CONFIG.value("losses") is None
    assert CONFIG.number("losses.0.weight") == 1.5
    assert CONFIG.number("losses.0.type") is None
    assert CONFIG.items("losses") == ["losses.0", "losses.1"]
    assert CONFIG.items("a") == []


def test_patterns():
    assert list(CONFIG.matching("losses.*")) == ["losses.0", "losses.1"]
    assert list(CONFIG.matching("losses.*.weight")) == ["losses.0.weight"]
    assert list(CONFIG.matching("a.*")) == ["a.c"]


def test_parts():
    assert CONFIG.is_part("losses.0", "x", "z")
    assert CONFIG.is_part("losses.1", "y")
    assert not CONFIG.is_part("losses.1", "x")
    assert CONFIG.part("losses.0") is None
    assert CONFIG.part("a") is None


def test_the_first_of_each_type_is_searched_once():
    """Asked for each item, a search would take hours in a list of 100,000."""
    listed = Written(from_plain({"losses": [{"type": "x"}, {"type": "y"}, {"type": "x"}, {}]}, Origin("f")))
    first = listed.first_of_types("losses")
    assert first == {"x": "losses.0", "y": "losses.1", None: "losses.3"}
    assert listed.first_of_types("losses") is first
    assert listed.first_of_types("a") == {}
