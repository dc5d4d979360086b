"""The programs segkit is compared with. They are imported where they are used, since they are no dependencies."""

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from segkit.errors import SegkitError

PEERS = {
    "transformers": "pip install transformers",
    "panopticapi": "pip install git+https://github.com/cocodataset/panopticapi",
}
"""The programs that segkit can be compared with, and how each is installed."""


def require_peer(name: str) -> str:
    """The version of a peer, one of PEERS. Raises SegkitError where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        raise SegkitError(
            f"benchmark: {name} is not installed, so there is nothing to compare with. Install it: {PEERS[name]}"
        ) from None


def transformers(module: str = "") -> Any:
    """The package, or the module of it with this dotted name, untyped."""
    return _module("transformers", module)


def panopticapi(module: str = "") -> Any:
    """As `transformers`, of COCO's evaluation of panoptic quality."""
    return _module("panopticapi", module)


def _module(package: str, module: str) -> Any:
    return importlib.import_module(f"{package}.{module}" if module else package)
