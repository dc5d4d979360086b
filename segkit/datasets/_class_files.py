"""Class lists that lie in a folder of data, for the ids or colors of its label files."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from segkit.classes import Classes
from segkit.data.class_list import read_classes
from segkit.data.listing import named
from segkit.data.paths import configured_path
from segkit.errors import DataError
from segkit.runtime.shipped import is_shipped

_NAMES = re.compile(
    r".*(class|categor|label_?map|labels?\.|meta\.|names|id2label|palette|objectinfo).*|data\.yaml", re.IGNORECASE
)
"""What class lists are called: a list of file names would be read as one, too."""

_ENDS = (".txt", ".csv", ".tsv", ".json", ".yaml", ".yml", ".names")
_MOST_FILES = 50

KNOWN = {
    "_gtFine_labelIds.png": "segkit://classes/cityscapes.csv",
    "_gtFine_instanceIds.png": "segkit://classes/cityscapes.csv",
}
"""End of the names of label files -> the class list of a published dataset."""

THINGS = {"objectInfo150.txt": "segkit://classes/ade20k_instance_100.csv"}
"""Name of a class list for ids -> the class list for instances of the same dataset, which are numbered otherwise."""


def class_file(folder: Path, places: Sequence[Path]) -> Path | None:
    """Returns the class list in a folder or beside its label files, None if there is none.

    Args:
        folder: The folder.
        places: The folders of the label files.

    Raises:
        DataError: there are several with different classes.
    """
    found: dict[Path, Classes] = {}
    above = [one for place in places for one in place.parents if one.is_relative_to(folder)]
    for place in dict.fromkeys([folder, *above, *places]):
        files = [
            file for file in sorted(place.glob("*.*")) if file.suffix.lower() in _ENDS and _NAMES.fullmatch(file.name)
        ]
        for file in files[:_MOST_FILES]:
            try:
                found[file] = read_classes(file)
            except DataError as error:
                _tell_refused(error)
    lists = {(classes.names, classes.ids) for classes in found.values()}
    if len(lists) > 1:
        raise DataError(
            f"{folder}: there are several class lists: {named(list(found))}. Say which one counts: --classes FILE."
        )
    # Of equal lists, one with colors may be the better one, but the names are the same.
    return next(iter(found), None)


def _tell_refused(error: DataError) -> None:
    warnings.warn(f"not taken as a class list: {str(error).splitlines()[0]}", stacklevel=4)


def configured_list(source: list[str] | str | Path) -> list[str] | str:
    """Returns the setting `classes` for names or a file."""
    if isinstance(source, list):
        return source
    return str(source) if is_shipped(str(source)) else configured_path(Path(source))
