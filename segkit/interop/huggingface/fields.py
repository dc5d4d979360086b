"""Reads values of a JSON file and checks their types."""

from pathlib import Path
from typing import Any

from segkit.errors import CheckpointError, counted


class Fields:
    """One mapping of a JSON file. A key that is absent has the default that transformers gives it.

    Args:
        data: The mapping.
        file: The file, for error messages.
        path: Where the mapping lies in the file, such as `backbone_config.`.
    """

    def __init__(self, data: dict[str, Any], file: Path, path: str = "") -> None:
        self.data = data
        self.file = file
        self.path = path

    def integer(self, key: str, default: int) -> int:
        value = self.data.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.error(key, f"must be a whole number of at least 1, not {value!r}.")
        return value

    def integers(self, key: str, default: list[int]) -> list[int]:
        value = self.data.get(key, default)
        if not isinstance(value, list) or not value or not all(type(one) is int and one > 0 for one in value):
            raise self.error(key, f"must be a list of whole numbers of at least 1, not {value!r}.")
        return value

    def number(self, key: str, default: float) -> float:
        value = self.data.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, f"must be a number, not {value!r}.")
        return float(value)

    def numbers(self, key: str, default: list[float], count: int) -> list[float]:
        value = self.data.get(key, default)
        if not isinstance(value, list) or len(value) != count or not all(type(one) in (int, float) for one in value):
            raise self.error(key, f"must be a list of {counted(count, 'number')}, not {value!r}.")
        return [float(one) for one in value]

    def flag(self, key: str, default: bool) -> bool:
        value = self.data.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"must be true or false, not {value!r}.")
        return value

    def mapping(self, key: str) -> "Fields":
        value = self.data.get(key)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.error(key, f"must be a JSON object, not {value!r}.")
        return Fields(value, self.file, f"{self.path}{key}.")

    def require(self, key: str, wanted: object, default: object, why: str) -> None:
        """Raises CheckpointError unless the value under `key` is `wanted`, the only one that segkit supports."""
        value = self.data.get(key, default)
        if value != wanted:
            raise self.error(key, f"is {value!r}; {why}.")

    def error(self, key: str, message: str) -> CheckpointError:
        return CheckpointError(f"{self.file}: {self.path}{key}: {message}")
