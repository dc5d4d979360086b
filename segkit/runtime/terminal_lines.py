"""Lines broken between words, for terminals: these would break them in the middle of a word."""

import shutil
import textwrap
from functools import partial
from typing import TextIO


def broken(text: str, width: int) -> str:
    """Breaks lines between words; what follows is indented. A word that is too long, such as a path, stays whole.

    Args:
        text: One line or several.
        width: Of the terminal, in characters.

    Example:
        >>> print(broken("warning: many words", 14))
        warning: many
          words
    """
    fill = partial(textwrap.fill, width=width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(fill, text.splitlines()))


def fitted_to(stream: TextIO, text: str) -> str:
    """Returns text with its lines broken where `stream` is a terminal. In files and pipes, each line stays one.

    Example:
        >>> import io
        >>> fitted_to(io.StringIO(), "word " * 40) == "word " * 40
        True
    """
    return broken(text, shutil.get_terminal_size().columns) if stream.isatty() else text
