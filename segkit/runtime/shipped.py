"""Files that come with packages: everything in `configs/`, named `segkit://base/mask_former.yaml`.

The files of other packages that register parts are named likewise, by the name that `pip list` shows, as in
`acme-parts://example.yaml`. In a clone they are those of the clone, beside the package. A wheel holds them inside of
it, as `segkit/configs` (setup.py).
"""

import re
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from os import PathLike, fspath
from pathlib import Path

_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)://(.*)", re.DOTALL)


def is_shipped(path: str) -> bool:
    """Tells whether a path is written as one of a file that comes with a package.

    Example:
        >>> is_shipped("segkit://classes/ade20k_150.csv"), is_shipped("classes.csv")
        (True, False)
    """
    return _NAMED.fullmatch(path) is not None


def shipped_path(path: str | PathLike[str]) -> str:
    """Returns the file or folder that `PACKAGE://PATH` means, and any other path as it is.

    Example:
        >>> shipped_path("base/mask_former.yaml")
        'base/mask_former.yaml'
        >>> Path(shipped_path("segkit://base/mask_former.yaml")).is_file()
        True
    """
    path = fspath(path)
    named = _NAMED.fullmatch(path)
    package = named and _package(named[1])
    if not named or not package:
        return path
    installed = package / "configs"
    return str((installed if installed.is_dir() else package.parent / "configs") / named[2])


@cache
def _package(name: str) -> Path | None:
    """Returns the folder of the modules of segkit, or of an installed package that registers parts."""
    if name == "segkit":
        return Path(__file__).parents[1]
    try:
        entry_points = metadata.distribution(name).entry_points
    except metadata.PackageNotFoundError:
        return None
    modules = [one.module.partition(".")[0] for one in entry_points if one.group.startswith("segkit.")]
    found = find_spec(modules[0]) if modules else None  # without an import
    folders = found.submodule_search_locations if found is not None else None
    return Path(next(iter(folders))) if folders else None
