"""Where a data set's files are."""

import os
from pathlib import Path

from segkit.errors import DataError, suggest

VARIABLE = "SEGKIT_DATASETS"


def dataset_path(path: str) -> Path:
    """The file or folder that `path` names in a config.

    An absolute path stays; a relative one lies under the folder `$SEGKIT_DATASETS`, or under `./datasets` where that is
    not set, so that configs hold no paths of one machine. Raises DataError where nothing is there.
    """
    written = Path(path).expanduser()
    root = os.environ.get(VARIABLE)
    tried = written if written.is_absolute() else Path(root or "datasets").expanduser().absolute() / written
    if tried.exists():
        return tried
    missing = f"{tried}: there is no such file or folder.{_near(tried)}"
    if written.is_absolute():
        raise DataError(f"{missing} Correct the path.")
    place = f"the folder that the environment variable {VARIABLE} names" if root else "./datasets"
    raise DataError(
        f"{missing} Relative paths lie in {place}. Set {VARIABLE} to the folder that holds your data sets, or give an "
        "absolute path."
    )


def _near(path: Path) -> str:
    """A suggestion for the first part of `path` that is missing, from what lies beside it."""
    while not path.parent.exists():
        path = path.parent
    return suggest(path.name, sorted(os.listdir(path.parent))) if path.parent.is_dir() else ""
