"""The program segkit is compared with. It is imported where it is used, since it is no dependency."""

import importlib
import importlib.util
from importlib.metadata import version
from typing import Any

from segkit.errors import SegkitError


def require_peer(name: str) -> str:
    """The peer's version. Raises SegkitError where it is not installed."""
    if importlib.util.find_spec(name) is None:
        raise SegkitError(
            f"benchmark: {name} is not installed, so there is nothing to compare with. Install it: pip install {name}"
        )
    return version(name)


def transformers(module: str = "") -> Any:
    """The package, or the module of it with this dotted name, untyped."""
    return importlib.import_module(f"transformers.{module}" if module else "transformers")
