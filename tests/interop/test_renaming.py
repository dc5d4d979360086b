"""Renaming by patterns: numbers, rests, counting, and the order of rules."""

from segkit.interop.renaming import rename

RULES = (
    ("old.norm.*", "new.n.*"),
    ("old.*", "new.*"),
    ("stage<n>.<b>.weight", "s.<n-1>.<b+1>.weight"),
)


def test_the_first_matching_rule_wins():
    assert rename(["old.norm.bias", "old.conv.bias"], RULES) == {
        "old.norm.bias": "new.n.bias",
        "old.conv.bias": "new.conv.bias",
    }


def test_numbers_are_counted():
    assert rename(["stage10.2.weight"], RULES) == {"stage10.2.weight": "s.9.3.weight"}


def test_a_rule_matches_only_whole_names():
    names = ["stage1.0.weights", "astage1.0.weight", "stageA.0.weight", "oldest.weight", "old.", "old"]
    assert rename(names, RULES) == {name: name for name in names}
