"""Renames tensors by a table of patterns.

In a pattern, `<n>` stands for a number and a final `*` for any rest. In the replacement, `<n+1>` and `<n-1>` are the
number plus and minus one.
"""

import re
from collections.abc import Iterable, Sequence

Rule = tuple[str, str]
"""(pattern of the old name, new name)."""


def rename(names: Iterable[str], rules: Sequence[Rule]) -> dict[str, str]:
    """Returns the new name of each name, by the first rule whose pattern matches all of it; itself where none does."""
    compiled = [(_pattern(old), new) for old, new in rules]
    return {name: _renamed(name, compiled) for name in names}


def _renamed(name: str, rules: Sequence[tuple[re.Pattern[str], str]]) -> str:
    for pattern, new in rules:
        found = pattern.fullmatch(name)
        if found:
            return _filled(new, found.groupdict())
    return name


def _pattern(old: str) -> re.Pattern[str]:
    escaped = re.escape(old).replace(r"\*", "(?P<rest>.+)")
    return re.compile(re.sub(r"<(\w)>", r"(?P<\1>\\d+)", escaped))


def _filled(new: str, values: dict[str, str]) -> str:
    counted = re.sub(r"<(\w)([+-]\d)?>", lambda field: str(int(values[field[1]]) + int(field[2] or 0)), new)
    return counted.replace("*", values.get("rest", ""))
