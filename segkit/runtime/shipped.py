"""Files that come with segkit: everything in `configs/`, named `segkit://base/mask_former.yaml`.

In a clone they are those of the clone. A wheel holds them as `segkit/configs` (setup.py).
"""

from os import PathLike, fspath
from pathlib import Path

SCHEME = "segkit://"


def shipped_path(path: str | PathLike[str]) -> str:
    """Returns the file or folder that a path with the scheme `segkit://` means, and any other path as it is.

    Example:
        >>> shipped_path("base/mask_former.yaml")
        'base/mask_former.yaml'
        >>> Path(shipped_path("segkit://base/mask_former.yaml")).is_file()
        True
    """
    path = fspath(path)
    if not path.startswith(SCHEME):
        return path
    package = Path(__file__).parents[1]
    installed = package / "configs"
    return str((installed if installed.is_dir() else package.parent / "configs") / path.removeprefix(SCHEME))
