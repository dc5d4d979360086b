"""Paths of dataset files."""

import os
from os import PathLike
from pathlib import Path

from segkit.data.official import source_of
from segkit.errors import DataError, suggest
from segkit.runtime.shipped import shipped_path

VARIABLE = "SEGKIT_DATASETS"


def dataset_path(path: str | PathLike[str]) -> Path:
    """Resolves the path of a dataset file or folder as a config gives it.

    An absolute path stays. A relative one is looked up in the folder `$SEGKIT_DATASETS`, or in `./datasets` where the
    variable is not set, so that configs hold no paths of one machine. `segkit://classes/cityscapes.csv` is a file that
    comes with segkit.

    Raises:
        DataError: the path does not exist.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     dataset_path(folder) == Path(folder)
        True
    """
    given = Path(os.path.expanduser(shipped_path(path)))  # the method would raise where there is no such user
    root = os.environ.get(VARIABLE)
    resolved = without_parents(given if given.is_absolute() else _root() / given)
    if os.path.exists(resolved):  # the method would raise where the path is too long
        return resolved
    missing = f"{resolved}: there is no such file or folder.{source_of(given.as_posix()) or _suggestion(resolved)}"
    if given.is_absolute():
        raise DataError(f"{missing} Correct the path.")
    place = f"the folder that the environment variable {VARIABLE} names" if root else "./datasets"
    raise DataError(
        f"{missing} Relative paths are looked up in {place}. Set {VARIABLE} to the folder that holds your datasets, or "
        "give an absolute path."
    )


def dataset_folder(path: str | PathLike[str]) -> Path:
    """Resolves the path of a dataset folder as `dataset_path` does.

    Raises:
        DataError: the path does not exist, or is a file.
    """
    folder = dataset_path(path)
    if not folder.is_dir():
        raise DataError(f"{folder}: this is a file, but a folder is needed. Correct the path.")
    return folder


def configured_path(path: Path) -> str:
    """Returns the text that names a file or folder in a config, the reverse of `dataset_path`.

    Example:
        >>> configured_path(Path("datasets/mine/images")), configured_path(Path("/mine/images"))
        ('mine/images', '/mine/images')
    """
    absolute = path.absolute()
    return absolute.relative_to(_root()).as_posix() if absolute.is_relative_to(_root()) else str(absolute)


def without_parents(path: Path) -> Path:
    """Returns where a path with `..` leads, for messages and files to show; any other path as it is.

    Example:
        >>> without_parents(Path("/mine/../images")), without_parents(Path("images"))
        (PosixPath('/images'), PosixPath('images'))
    """
    return Path(os.path.realpath(path)) if ".." in path.parts else path


def _root() -> Path:
    """The folder of relative paths. It is absolute, so that messages show where segkit looked."""
    return without_parents(Path(os.path.expanduser(os.environ.get(VARIABLE) or "datasets")).absolute())


def _suggestion(path: Path) -> str:
    """Suggests a name for the first missing part of `path`, from what lies beside it."""
    while not os.path.exists(path.parent):
        path = path.parent
    return suggest(path.name, sorted(os.listdir(path.parent))) if path.parent.is_dir() else ""
