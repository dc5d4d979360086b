"""What a rule about several settings is, and what rules share."""

from collections.abc import Callable
from dataclasses import dataclass

from segkit.config.written import Written


@dataclass(frozen=True)
class Rule:
    """Settings that are refused where `broken` holds."""

    settings: tuple[str, ...]
    """Their paths; `*` stands for any one key or number."""
    broken: Callable[[Written, str], bool]
    """`(config, path of the setting) -> whether it is refused`."""
    message: str
    """Why, and what to do. `{holder}` is the path of the mapping that holds the setting."""


def holder(path: str) -> str:
    """Returns the path of the mapping that holds a setting.

    Example:
        >>> holder("model.backbone.name")
        'model.backbone'
    """
    return path.rpartition(".")[0]


def beside(config: Written, path: str, name: str) -> object:
    """Returns the value of another setting of the same mapping."""
    return config.value(f"{holder(path)}.{name}")
