"""Options and overrides that a command does not use: an error, since whoever wrote them expects an effect."""

from collections.abc import Iterable, Sequence

from segkit.errors import SegkitError

FOR_TRAINING = ("criterion", "training", "data.train", "init_from", "class_map", "reset_head")
"""Settings that only a training uses."""


def refuse_unused_overrides(
    command: str, overrides: Sequence[str], unused: Iterable[str], used: Iterable[str] = ()
) -> None:
    """Checks that `overrides`, each `key=value`, change settings that a command uses.

    Args:
        command: The name of the command.
        overrides: As on the command line.
        unused: The settings that the command does not use, each with all that lies below it; `*` stands for any one
            key.
        used: The settings below these that it uses all the same.

    Raises:
        ConfigError: an override is malformed, or changes a setting that is not used.
    """
    from segkit.config.nodes import COMMAND_LINE, Problem, config_error
    from segkit.config.overrides import parse_overrides

    problems = []
    for override in parse_overrides(overrides):
        if _lies_below_one(override.keys, unused) and not _lies_below_one(override.keys, used):
            message = f"has no effect: segkit {command} does not use this setting. Leave it out."
            problems.append(Problem(COMMAND_LINE, ".".join(override.keys), message))
    if problems:
        raise config_error(problems)


def refuse_beside(option: str, given: Iterable[tuple[str, bool]], reason: str) -> None:
    """Checks that an option is not accompanied by others that it makes useless.

    Args:
        option: Such as `--resume`.
        given: The others, each with whether it was given.
        reason: Why they have no effect, a sentence.

    Raises:
        SegkitError: some were given.
    """
    useless = [name for name, is_given in given if is_given]
    if useless:
        raise SegkitError(f"{', '.join(useless)}: no effect with {option}. {reason} Leave out: {', '.join(useless)}.")


def _lies_below_one(keys: Sequence[str], patterns: Iterable[str]) -> bool:
    return any(_lies_below(keys, pattern.split(".")) for pattern in patterns)


def _lies_below(keys: Sequence[str], pattern: Sequence[str]) -> bool:
    # zip stops at the end of the pattern: what lies below it is not compared.
    return len(keys) >= len(pattern) and all(one in ("*", key) for key, one in zip(keys, pattern, strict=False))
