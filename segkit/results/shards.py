"""Archives of result files: a folder of millions of files is slow to list, copy and read."""

import tarfile
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Literal

from segkit.runtime.writing import explain_write_errors, replace_file

ShardFormat = Literal["zip", "webdataset"]

SUFFIXES: Mapping[ShardFormat, str] = {"zip": ".zip", "webdataset": ".tar"}


class Shard:
    """An archive that gets its name when it is complete, so that a process that is killed leaves no half of it.

    * zip: the files under their paths in the folder, not compressed again;
    * webdataset: a tar file of samples `KEY.semantic.png`, `KEY.overlay.png`, `KEY.json`, as the package webdataset
      reads them. `KEY` is the name of the image with `.` as `%2E`, since it ends at the first dot.

    Leaving it completes the archive; after an error it is removed.

    Args:
        path: Of the archive; the suffix is that of the format.
        shard_format: One of the two.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "semantic.tar"
        >>> with Shard(path, "webdataset") as shard:
        ...     shard.add("street.1", {"semantic/street.1.png": b"..."})
        >>> tarfile.open(path).getnames()
        ['street%2E1.semantic.png']
    """

    def __init__(self, path: Path, shard_format: ShardFormat) -> None:
        self.path = path
        with ExitStack() as stack:
            draft = stack.enter_context(replace_file(path))
            self._zip = self._tar = None
            if shard_format == "zip":
                self._zip = stack.enter_context(zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED))
            else:
                self._tar = stack.enter_context(tarfile.open(draft, "w", format=tarfile.PAX_FORMAT))
            self._stack = stack.pop_all()

    def add(self, name: str, files: Mapping[str, bytes]) -> None:
        """Adds the files of an image.

        Args:
            name: Of the image's files, without suffix.
            files: Path in the folder -> content.

        Raises:
            WriteError: The archive cannot be written.
        """
        with explain_write_errors(self.path):
            for path, content in files.items():
                if self._zip is not None:
                    self._zip.writestr(zipfile.ZipInfo(path), content)
                elif self._tar is not None:
                    member = tarfile.TarInfo(_sample_file(path, name))
                    member.size = len(content)
                    self._tar.addfile(member, BytesIO(content))

    def __enter__(self) -> "Shard":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type]


def _sample_file(path: str, name: str) -> str:
    """Returns the name of a file in a sample: `overlays/a_semantic.png` -> `a.overlay.png`."""
    key = name.replace("%", "%25").replace(".", "%2E")
    folder, _, file = path.rpartition("/")
    kind = {"overlays": "overlay.", "": ""}.get(folder, f"{folder}.")
    return f"{key}.{kind}{file.rpartition('.')[2]}"
