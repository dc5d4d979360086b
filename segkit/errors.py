"""The exceptions that users see. Every message says where, what is wrong, and what to do."""

import difflib
import re
from collections.abc import Callable, Iterable, Sequence, Sized


class SegkitError(Exception):
    """Base of all errors that a user can cause and fix. The command line prints them without a traceback."""


class ConfigError(SegkitError):
    """A config is wrong. The message lists all problems, one line with a location for each.

    Args:
        message: The lines.
        problems: What the lines were made from, so that the problems of several errors can be reported together; see
            `segkit.config.nodes.Problem`.
    """

    def __init__(self, message: str, problems: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class RegistryError(SegkitError):
    """A part cannot be found, loaded or registered."""


class DataError(SegkitError):
    """An image, a label file or a dataset is missing, unreadable or inconsistent.

    Args:
        message: One line for each problem, or for the first of very many.
        lines: All problems, where the message has only the first.
        unread: Of a dataset that is not built for these problems, what reads each of its files that is there. A call
            raises a DataError where the file cannot be used, which would otherwise show only once these are corrected.

    Example:
        >>> DataError("a.json: broken.").lines
        ('a.json: broken.',)
    """

    def __init__(self, message: str, lines: Sequence[str] = (), unread: Sequence[Callable[[], object]] = ()) -> None:
        super().__init__(message)
        self.lines = tuple(lines or message.splitlines())
        self.unread = tuple(unread)


class UnknownIdsError(DataError):
    """A label file holds ids that are neither a class nor void."""


class DataWarning(UserWarning):
    """Places of a dataset are suspicious. The message names the first of them.

    Args:
        message: One line.
        places: All of them.

    Example:
        >>> DataWarning("a.json: 2 boxes. The first is annotations[3].", ["annotations[3]", "annotations[7]"]).places
        ('annotations[3]', 'annotations[7]')
    """

    def __init__(self, message: str, places: Sequence[str]) -> None:
        super().__init__(message)
        self.places = tuple(places)


class CheckpointError(SegkitError):
    """A checkpoint is missing, incomplete, or does not fit the model."""


class ExportError(SegkitError):
    """A model cannot be exported, or an exported file is damaged or differs from the model."""


class MissingExtraError(SegkitError):
    """A package of one of segkit's extras is not installed."""


class WriteError(SegkitError):
    """A file cannot be written, for example because the disk is full."""


class TrainingError(SegkitError):
    """A training cannot continue, for example because its loss is no longer finite."""


class TrainingStopped(SegkitError):
    """A training was stopped from outside. Its last whole step is saved, and `--resume` goes on from there.

    Args:
        message: By what, and at which step.
        by_keyboard: Whether Ctrl-C stopped it.

    Example:
        >>> TrainingStopped("stopped at step 2 of 4 by SIGTERM").by_keyboard
        False
    """

    def __init__(self, message: str, by_keyboard: bool = False) -> None:
        super().__init__(message)
        self.by_keyboard = by_keyboard


def cause_of(error: BaseException) -> str:
    """Returns the first line of an error's message, or the name of its type where the message is empty.

    Example:
        >>> cause_of(ValueError("first line" + chr(10) + "second line")), cause_of(KeyboardInterrupt())
        ('first line', 'KeyboardInterrupt')
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether an error says that there is not enough memory, of a GPU or of the machine.

    Example:
        >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."))
        True
    """
    # By its name: the command line does not import torch for every command.
    is_torchs = type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)
    return isinstance(error, MemoryError) or is_torchs


def suggest(name: str, known: Iterable[str]) -> str:
    """Returns `" Did you mean 'x'?"` for the closest name in `known`, or an empty string where none is close.

    Example:
        >>> suggest("crop", ["flip", "crops"])
        " Did you mean 'crops'?"
    """
    near = nearest(name, known)
    return f" Did you mean '{near}'?" if near is not None else ""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Returns the closest name in `known`, None where none is close.

    Example:
        >>> nearest("crop", ["flip", "crops"])
        'crops'
    """
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return near[0] if near else None


def with_article(noun: str) -> str:
    """Returns a noun or the name of a class with its article.

    Example:
        >>> with_article("optimizer"), with_article("PanopticResult")
        ('an optimizer', 'a PanopticResult')
    """
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def counted(things: int | Sized, noun: str) -> str:
    """Returns a number, or that of some things, with a noun in the form that fits it.

    Example:
        >>> counted(["a.png"], "file"), counted(0, "file"), counted(2, "class"), counted(2, "query")
        ('1 file', '0 files', '2 classes', '2 queries')
    """
    number = things if isinstance(things, int) else len(things)
    if number == 1:
        return f"1 {noun}"
    if re.search("[^aeiou]y$", noun):
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}{'es' if noun.endswith(('s', 'x', 'ch')) else 's'}"


def join_first(values: Sequence[object], limit: int = 10) -> str:
    """Joins at most `limit` values with commas; an ellipsis stands for the others.

    Example:
        >>> join_first([1, 2, 3], limit=2)
        '1, 2, …'
    """
    return ", ".join(map(str, values[:limit])) + (", …" if len(values) > limit else "")
