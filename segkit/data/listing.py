"""The images of a folder, and what else lies there: nothing is left out without a warning."""

import os
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segkit.data.formats import image_suffixes
from segkit.errors import DataError, counted
from segkit.types import RGB, PixelFormat

_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
"""Files that Windows puts into folders of images."""

_VERSION_CONTROL = (".git", ".hg", ".svn")
"""Folders of programs, in which nobody keeps images."""


@dataclass(frozen=True)
class Listing:
    """What a folder holds, each list in the order of names. Files of the system, as macOS's `._a.jpg`, are in none."""

    folder: Path
    images: list[Path]
    others: list[Path]
    """Files without a suffix of an image."""
    deeper: list[Path]
    """Sub-folders that hold images."""
    hidden: list[Path] = field(default_factory=list)
    """Files with the suffix of an image whose names begin with a dot."""

    def name_of(self, path: Path) -> str:
        """Returns the path of a file within the folder, with `/` between its parts."""
        return path.relative_to(self.folder).as_posix()


def list_folder(folder: Path, pixels: PixelFormat = RGB) -> Listing:
    """Lists a folder. Of sub-folders, only those that hold images directly are noted.

    Args:
        folder: The folder.
        pixels: Of the images.

    Raises:
        DataError: the folder cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name:
        ...     for file in ("b.png", "a.jfif", "notes.txt", "._a.jfif"):
        ...         Path(name, file).touch()
        ...     found = list_folder(Path(name))
        >>> [file.name for file in found.images], [file.name for file in found.others]
        (['a.jfif', 'b.png'], ['notes.txt'])
    """
    suffixes = image_suffixes(pixels)
    images: list[Path] = []
    others: list[Path] = []
    deeper: list[Path] = []
    hidden: list[Path] = []
    try:
        # scandir knows which entries are folders without a look at each file.
        with os.scandir(folder) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.is_dir():
                    deeper += [path] if _holds_images(path, suffixes) else []
                elif is_hidden(path):
                    hidden += [path] if is_hidden_image(path) else []
                else:
                    (images if _is_image(path, suffixes) else others).append(path)
    except OSError as error:
        raise DataError(f"{error.filename or folder}: cannot list the folder ({error.strerror}).") from None
    return Listing(folder, sorted(images), sorted(others), sorted(deeper), sorted(hidden))


def list_tree(folder: Path, without: Path | None = None, pixels: PixelFormat = RGB) -> Listing:
    """Lists a folder with everything below it. Links to folders are followed; of hidden folders, `deeper` tells.

    Args:
        folder: The folder.
        without: A sub-folder that is not listed.
        pixels: Of the images.

    Raises:
        DataError: a folder cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name:
        ...     for file in ("b.png", "aachen/a.png"):
        ...         Path(name, file).parent.mkdir(exist_ok=True)
        ...         Path(name, file).touch()
        ...     found = list_tree(Path(name))
        >>> [found.name_of(file) for file in found.images]
        ['aachen/a.png', 'b.png']
    """
    suffixes = image_suffixes(pixels)
    images: list[Path] = []
    others: list[Path] = []
    deeper: list[Path] = []
    hidden: list[Path] = []
    # A link may lead to a folder above it: without a list of what was seen, the walk would not end.
    seen = {os.path.realpath(without)} if without is not None else set()
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=_raise):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        away = [Path(parent, name) for name in folders if is_hidden(Path(name))]
        deeper += [path for path in away if _holds_images(path, suffixes)]
        folders[:] = [name for name in folders if not is_hidden(Path(name))]
        for name in files:
            if not is_hidden(path := Path(parent, name)):
                (images if _is_image(path, suffixes) else others).append(path)
            elif is_hidden_image(path):
                hidden.append(path)
    return Listing(folder, sorted(images), sorted(others), sorted(deeper), sorted(hidden))


def _raise(error: OSError) -> None:
    raise DataError(f"{error.filename}: cannot list the folder ({error.strerror}).")


def is_hidden(path: Path) -> bool:
    """Tells whether a file is none of the user's: hidden, as macOS's `._a.jpg`, or one of Windows.

    Example:
        >>> is_hidden(Path("images/._a.jpg")), is_hidden(Path("images/a.jpg"))
        (True, False)
    """
    return path.name.startswith(".") or path.name.lower() in _SYSTEM_FILES


def is_hidden_image(path: Path) -> bool:
    """Tells whether a file is hidden, has the suffix of an image, and is none of macOS's companions of others.

    Example:
        >>> is_hidden_image(Path("images/.a.jpg")), is_hidden_image(Path("images/._a.jpg"))
        (True, False)
    """
    begins = path.name.startswith(".") and not path.name.startswith("._")
    return begins and path.suffix.lower() in image_suffixes()


def warn_of_the_rest(listing: Listing, companions: Collection[str] = ()) -> None:
    """Warns, in one line, of the files and sub-folders of a folder that are not read.

    Args:
        listing: The folder.
        companions: Suffixes, in lower case, of files that belong beside the images. They are not named.
    """
    others = [file for file in listing.others if file.suffix.lower() not in companions]
    parts = []
    if others:
        parts.append(f"{counted(others, 'file')} without the suffix of an image: {named(others)}")
    if listing.deeper:
        parts.append(f"{counted(listing.deeper, 'sub-folder')} with images: {named(listing.deeper)}")
    if listing.hidden:
        parts.append(f"{counted(listing.hidden, 'hidden image')}: {named(listing.hidden)}")
    if parts:
        warnings.warn(f"{listing.folder}: not read: {'; '.join(parts)}.", stacklevel=3)


def named(paths: Sequence[Path]) -> str:
    """Names the first three of some paths and counts the others.

    Example:
        >>> named([Path("a.png"), Path("b.png"), Path("c.png"), Path("d.png")])
        'a.png, b.png, c.png and 1 more'
    """
    return ", ".join(path.name for path in paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def _holds_images(folder: Path, suffixes: frozenset[str]) -> bool:
    """Tells whether a folder holds images directly. A hidden one may belong to a program that lets no other read it."""
    if folder.name in _VERSION_CONTROL:
        return False
    try:
        return any(_is_image(file, suffixes) for file in folder.iterdir())
    except OSError:
        if is_hidden(folder):
            return False
        raise


def _is_image(file: Path, suffixes: frozenset[str]) -> bool:
    return file.suffix.lower() in suffixes and not is_hidden(file)
