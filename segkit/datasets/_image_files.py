"""Finds the files that a JSON file lists."""

import os
import re
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from segkit.data.formats import image_suffixes
from segkit.data.json_values import JsonEntry, shown
from segkit.data.listing import is_hidden, named
from segkit.data.problems import Problems
from segkit.errors import counted, suggest

_MOST_NAMES = 10_000
"""Among more names, searching for similar ones would take seconds."""

_LONGEST_PATH = 300
"""Characters of a path that a message shows."""

_PHOTOGRAPHS = frozenset({".heic", ".heif", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"})
"""Suffixes of images as telephones and cameras store them, which segkit does not read."""

_MOST_FOLDERS = 1000
"""Sub-folders in which a missing file is searched for."""


_CITYSCAPES = re.compile(r"(([^_/]+)_\d{6}_\d{6})_gtFine(_leftImg8bit\.png)")
"""How the panoptic files of Cityscapes' own script name an image. It is `<city>/<frame>_leftImg8bit.png`."""


class ListedFiles:
    """The files that a JSON file lists. Each folder is read once: one request per file is slow on networks.

    Names may lead through folders that are those of the machine that wrote the list: if no file lies where its name
    says, but most lie directly in the folder, the folders of the names are ignored. That is not done where a name leads
    to a file outside of the folder: the file of its name inside may be quite another. The names that Cityscapes' own
    panoptic files give to images lead to the published images.

    Names must not lead out of the folder: a list from somebody else could reach all files of this machine. Links in the
    folder may, since whoever made one wants it to be followed.

    Args:
        folder: The folder to which names are relative.
        setting: The setting that names the folder, for messages.
        problems: Takes the problems.
    """

    def __init__(self, folder: Path, setting: str, problems: Problems) -> None:
        self._folder, self._setting, self._problems = folder, setting, problems
        self._listings: dict[str, set[str]] = {}
        self._missing: list[tuple[JsonEntry, str, str]] = []
        self._there: set[str] = set()
        self._count = 0
        self._without_folders = False

    def add(self, entry: JsonEntry, key: str, name: str) -> None:
        """Notes a file that `key` of `entry` names."""
        self._count += 1
        path = self._path(name)
        if self.is_there(path):
            self._there.add(path)
        else:
            self._missing.append((entry, key, path))

    def check(self) -> None:
        """Adds a problem for each missing file, or a single one where all are missing."""
        elsewhere = any(self._is_another(name) for _, _, name in self._missing)
        if self._missing and len(self._missing) == self._count and not elsewhere:
            alone = [(entry, key, os.path.basename(name)) for entry, key, name in self._missing]
            absent = [one for one in alone if not self.is_there(one[2])]
            if len({name for _, _, name in alone}) == len(alone) and 2 * len(absent) < len(alone):
                self._without_folders, self._missing = True, absent
            elif self._count > 1:
                self._problems.add(
                    f"none of the {self._count} listed files is in {self._folder}; the first is "
                    f"'{self._missing[0][2][:_LONGEST_PATH]}'. {self._where_they_are()}"
                )
                return
        for number, (entry, key, name) in enumerate(self._missing):
            if _leads_out(name):
                entry.problem(
                    f"'{key}' is {shown(name)}, but must be the name of a file in {self._folder}, without '..'. Write "
                    f"names relative to that folder, or point '{self._setting}' at another."
                )
                continue
            parent, base = os.path.split(name)
            known = self._names_in(parent)
            # What another entry lists is the file of that one, however similar the names are.
            free = sorted(one for one in known if os.path.join(parent, one) not in self._there)
            near = suggest(base, free) if number < 10 and len(known) <= _MOST_NAMES else ""
            file = str(self._folder / name)
            file = file if len(file) <= _LONGEST_PATH else f"{file[:_LONGEST_PATH]}…"
            entry.problem(f"'{key}': there is no file {file}.{near} Restore it or correct the name.")

    def name_of(self, name: str) -> str:
        """Returns the path within the folder of a listed file. To be asked after `check`."""
        return os.path.basename(self._path(name)) if self._without_folders else self._path(name)

    def is_there(self, name: str) -> bool:
        """Returns whether a file in the folder has this name."""
        parent, base = os.path.split(name)
        if _leads_out(name):
            return False
        # The second look is for file systems that ignore the case of letters or write accents in another way.
        return base in self._names_in(parent) or _exists(self._folder / name)

    def _path(self, name: str) -> str:
        native = _native(name)
        match = _CITYSCAPES.fullmatch(native)
        return f"{match[2]}/{match[1]}{match[3]}" if match and not self.is_there(native) else native

    def _is_another(self, name: str) -> bool:
        """Returns whether a name leads out of the folder to a file, which is not the one of its name in the folder."""
        inside, outside = self._folder / os.path.basename(name), self._folder / name
        return _leads_out(name) and _exists(outside) and not (_exists(inside) and outside.samefile(inside))

    def _names_in(self, parent: str) -> set[str]:
        if parent not in self._listings:
            self._listings[parent] = _names_in(self._folder / parent)
        return self._listings[parent]

    def _where_they_are(self) -> str:
        """Says in which sub-folder the first missing file lies, if there is one."""
        name = self._missing[0][2]
        found = find_below(self._folder, os.path.basename(name))
        if found is None:
            return f"Point '{self._setting}' at their folder."
        inside = str(found.relative_to(self._folder))
        folder = str(found)[: -len(name)].rstrip(os.sep) if inside.endswith(name) else str(found.parent)
        return f"That file lies in {found.parent}. Point '{self._setting}' at {folder}."


def warn_of_unlisted(
    folder: Path, listed: Iterable[str], annotations: Sequence[Path], also: Iterable[str] = ()
) -> None:
    """Warns of images that lie beside those that annotation files list.

    Args:
        folder: Of the images.
        listed: Their names in the folder. Only folders of listed images are looked at.
        annotations: The annotation files.
        also: Names of files in the folder that are of another kind.
    """
    names = {_compared(name) for name in (*listed, *also)}
    suffixes = image_suffixes() | _PHOTOGRAPHS
    unlisted = sorted(
        folder / parent / name
        for parent in {os.path.dirname(name) for name in listed}
        for name in _names_in(folder / parent)
        if os.path.splitext(name)[1].lower() in suffixes
        and not is_hidden(Path(name))
        and _compared(os.path.join(parent, name)) not in names
    )
    if unlisted:
        files = annotations[0] if len(annotations) == 1 else f"{annotations[0]} and {len(annotations) - 1} more"
        warnings.warn(
            f"{folder}: not read: {counted(unlisted, 'image')} that {files} "
            f"{'does' if len(annotations) == 1 else 'do'} not list: {named(unlisted)}.",
            stacklevel=4,
        )


def _compared(name: str) -> str:
    """Returns a name in the form in which names are compared: file systems differ in letter case and accents."""
    return unicodedata.normalize("NFC", os.path.normpath(name)).casefold()


def find_below(folder: Path, name: str) -> Path | None:
    """Returns a file of this name in the sub-folders of a folder, down to the second level.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Path(folder, "train").mkdir()
        ...     Path(folder, "train", "a.jpg").touch()
        ...     find_below(Path(folder), "a.jpg").parent.name
        'train'
    """
    try:
        below = [one for level in ("*", "*/*") for one in sorted(folder.glob(level)) if one.is_dir()]
        return next((one / name for one in below[:_MOST_FOLDERS] if _exists(one / name)), None)
    except OSError:
        return None


def _leads_out(name: str) -> bool:
    return os.path.isabs(name) or ".." in Path(name).parts


def _native(name: str) -> str:
    """Returns a name with the separators of this system. Windows writes them the other way."""
    return name.replace("\\", "/") if "\\" in name and "/" not in name else name


def _names_in(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as found:
            return {item.name for item in found}
    except (OSError, ValueError):
        return set()


def _exists(file: Path) -> bool:
    # ValueError: a name that holds the character 0.
    try:
        return file.is_file()
    except (OSError, ValueError):
        return False
