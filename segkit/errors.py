"""What segkit raises for its users: every message says where, what is wrong, and what to do."""

import difflib
from collections.abc import Iterable


class SegkitError(Exception):
    """Base of all errors a user can cause and mend; the command line prints them without a traceback."""


class ConfigError(SegkitError):
    """A config is wrong. The message holds one located line per problem, all of them at once."""


class RegistryError(SegkitError):
    """A part cannot be found, loaded or registered."""


class DataError(SegkitError):
    """An image, a label file or a data set is missing, unreadable or contradicts itself."""


class CheckpointError(SegkitError):
    """A checkpoint is missing, incomplete, or does not fit the model."""


class TrainingError(SegkitError):
    """A training cannot go on (for example a loss that is no longer finite)."""


def cause_of(error: BaseException) -> str:
    """The first line of what an error says; the name of its type where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def suggest(name: str, known: Iterable[str]) -> str:
    """`" Did you mean 'x'?"` for the name nearest to `name` in `known`, or an empty string where none is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""
