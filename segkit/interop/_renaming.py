"""A table of patterns that turns another program's tensor names into segkit's.

In a pattern `<n>` stands for a number and `*` at its end for any rest; in what it becomes, `<n+1>` and `<n-1>` count.
"""

import re
from collections.abc import Iterable, Sequence

Rule = tuple[str, str]
"""(pattern of the other program's name, segkit's name)."""


def rename(names: Iterable[str], rules: Sequence[Rule]) -> dict[str, str]:
    """Each name -> what the first rule that fits makes of it, or itself where none does."""
    compiled = [(_pattern(theirs), ours) for theirs, ours in rules]
    return {name: _renamed(name, compiled) for name in names}


def _renamed(name: str, rules: Sequence[tuple[re.Pattern[str], str]]) -> str:
    for pattern, ours in rules:
        found = pattern.fullmatch(name)
        if found:
            return _filled(ours, found.groupdict())
    return name


def _pattern(theirs: str) -> re.Pattern[str]:
    escaped = re.escape(theirs).replace(r"\*", "(?P<rest>.+)")
    return re.compile(re.sub(r"<(\w)>", r"(?P<\1>\\d+)", escaped))


def _filled(ours: str, values: dict[str, str]) -> str:
    counted = re.sub(r"<(\w)([+-]\d)?>", lambda field: str(int(values[field[1]]) + int(field[2] or 0)), ours)
    return counted.replace("*", values.get("rest", ""))
