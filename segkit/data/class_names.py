"""What is no class name, wherever a list of classes comes from: a file, a config or the command line."""

import re
from collections.abc import Iterable

from segkit.errors import DataError

VOID = "void"
"""A class of this name, in any case, is void unless its list says otherwise."""

_NO_NAMES = (
    (r"\s*", "it is empty"),
    (r"\s.*|.*\s", "it begins or ends with a blank"),
    (
        r"[\u200b-\u200d\u2060\ufeff].*|.*[\u200b-\u200d\u2060\ufeff]",
        "it begins or ends with a character that cannot be seen",
    ),
    (r"#+(\s.*)?|#.*:.*", "it looks like a comment"),
    (r"__ignore__", "it is labelme's mark of void, which is no class"),
    (r"[^:]+:(\d+,\d+,\d+)?:[^:]*:[^:]*", "it is a line of CVAT's labelmap.txt. Name that file instead"),
    (r".{201,}", "it has more than 200 characters"),
    (r".*[\x00-\x1f\x7f\ud800-\udfff].*", "it holds control characters or half characters"),
)
"""Regular expression of a whole name -> why it is none."""


def check_names(names: Iterable[str], where: str) -> None:
    """Refuses names that no tool means as the name of a class.

    Raises:
        DataError: some are none. The message starts with `where`.

    Example:
        >>> check_names(["road", "__ignore__"], "classes")
        Traceback (most recent call last):
        segkit.errors.DataError: classes: '__ignore__' is no class name: it is labelme's mark of void, which is no \
class. Correct or remove it.
    """
    problems = []
    for name in names:
        found = (reason for pattern, reason in _NO_NAMES if re.fullmatch(pattern, name, re.DOTALL))
        reason = next(found, None)
        if reason is not None:
            problems.append(f"{where}: {name[:60]!r} is no class name: {reason}. Correct or remove it.")
    if problems:
        raise DataError("\n".join(problems))


def is_void(name: object) -> bool:
    """Returns whether a name is that of void.

    Example:
        >>> is_void("Void"), is_void("voids")
        (True, False)
    """
    return isinstance(name, str) and name.strip().casefold() == VOID
