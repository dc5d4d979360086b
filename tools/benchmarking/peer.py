"""The programs that segkit is compared with. They are no dependencies, so they are imported when they are used."""

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from segkit.errors import SegkitError

PEERS = {
    "transformers": "pip install transformers",
    "panopticapi": "pip install git+https://github.com/cocodataset/panopticapi",
}
"""Name -> command that installs it."""


def require_peer(name: str) -> str:
    """Returns the version of a peer.

    Raises:
        SegkitError: It is not installed.
    """
    try:
        return version(name)
    except PackageNotFoundError:
        raise SegkitError(f"tools/benchmark.py: {name} is not installed. Install it: {PEERS[name]}") from None


def transformers(module: str = "") -> Any:
    """Returns the package transformers, or a module in it."""
    return _module("transformers", module)


def panopticapi(module: str = "") -> Any:
    """Returns the package panopticapi, which is COCO's evaluation of panoptic quality, or a module in it."""
    return _module("panopticapi", module)


def _module(package: str, module: str) -> Any:
    return importlib.import_module(f"{package}.{module}" if module else package)
