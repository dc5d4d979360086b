"""Where a data set's files are."""

import os
from pathlib import Path

from segkit.errors import DataError

VARIABLE = "SEGKIT_DATASETS"


def dataset_path(path: str) -> Path:
    """The file or folder that `path` names in a config.

    An absolute path stays; a relative one lies under the folder `$SEGKIT_DATASETS`, or under `./datasets` where that is
    not set, so that configs hold no paths of one machine. Raises DataError where nothing is there.
    """
    written = Path(path).expanduser()
    root = Path(os.environ.get(VARIABLE) or "datasets")
    tried = written if written.is_absolute() else root.absolute() / written
    if not tried.exists():
        raise DataError(
            f"{tried}: there is no such file or folder. Set the environment variable {VARIABLE} to the folder that "
            f"holds your data sets, or give an absolute path."
        )
    return tried
