"""Names of the files that belong to images."""

from collections.abc import Callable
from itertools import chain, count
from pathlib import Path

DIGITS = 9
"""Of the numbers in `NumberedNames`."""


class OutputNames:
    """File names without suffix for the results of each image, never the same for two images.

    A name is the image's stem; if another image has it, `<folder>_<stem>`; if that is taken too, `<stem>_2`, `<stem>_3`
    and so on. Names that differ in letter case alone count as equal, since some file systems ignore case.

    Args:
        stem_of: Returns the stem of a file, where it is not that of its path.

    Example:
        >>> names = OutputNames()
        >>> names.of("x/street.jpg"), names.of("y/street.jpg"), names.of("x/street.jpg")
        ('street', 'y_street', 'street')
    """

    def __init__(self, stem_of: Callable[[str], str] = lambda file: Path(file).stem) -> None:
        self._stem_of = stem_of
        self._of_file: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, file: str | Path) -> str:
        """Returns the name for `file`, always the same one."""
        known = self._of_file.get(str(file))
        if known is not None:
            return known
        stem, folder = self._stem_of(str(file)), Path(file).parent.name
        candidates = chain([stem], [f"{folder}_{stem}"] * bool(folder), (f"{stem}_{number}" for number in count(2)))
        name = next(name for name in candidates if name.lower() not in self._taken)
        self.keep(file, name)
        return name

    def keep(self, file: str | Path, name: str) -> None:
        """Gives `file` the name that it has from an earlier time. Call it before others get theirs."""
        self._taken.add(name.lower())
        self._of_file[str(file)] = name


class NumberedNames(OutputNames):
    """Names of images by their number among those of all processes, of which this process has every n-th.

    Args:
        rank: Number of this process, from 0, and of its first image.
        num_processes: Processes that share the images.

    Example:
        >>> names = NumberedNames(rank=1, num_processes=4)
        >>> names.of("street.jpg"), names.of("road.jpg"), names.files
        ('000000001', '000000005', ['street.jpg', 'road.jpg'])
    """

    def __init__(self, rank: int, num_processes: int) -> None:
        super().__init__()
        self._rank = rank
        self._num_processes = num_processes

    @property
    def files(self) -> list[str]:
        """The files so far, in order."""
        return list(self._of_file)

    def of(self, file: str | Path) -> str:
        """Returns the number of `file`. Call it for every image of this process in order."""
        number = self._rank + len(self._of_file) * self._num_processes
        return self._of_file.setdefault(str(file), f"{number:0{DIGITS}}")
