"""Where the files of each image go: into a folder, or into shards."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Literal

from segkit.errors import ConfigError
from segkit.results.files import ResultFormat
from segkit.results.manifest import ManifestPart, Record
from segkit.results.shards import SUFFIXES, Shard, ShardFormat
from segkit.results.targets import Task
from segkit.runtime.reading import read_bytes

OutputFormat = Literal["folder", "zip", "webdataset"]
"""What the files of the images are written into."""

IMAGES_PER_SHARD = 256
"""A process that is killed loses the images of one shard."""


class FolderStore:
    """Files stay where they are written, and the manifest has a line for each image at once.

    Args:
        folder: Of all results.
        part: Of the manifest.
    """

    def __init__(self, folder: Path, part: ManifestPart) -> None:
        self.folder, self._part = folder, part

    def keep(self, record: Record, files: Sequence[Path]) -> None:
        """Keeps the files of an image, which were written below `folder`.

        Raises:
            WriteError: A file cannot be written.
        """
        sizes = {file.relative_to(self.folder).as_posix(): file.stat().st_size for file in files}
        self._part.add(replace(record, files=sizes))

    def close(self) -> None:
        """Completes what was kept."""


class ShardStore:
    """Files are moved into shards; the manifest has the lines of a shard once it is complete.

    Args:
        folder: Of all results.
        part: Of the manifest.
        task: Of the results.
        rank: Number of this process.
        shard_format: Of the shards.
    """

    def __init__(self, folder: Path, part: ManifestPart, task: Task, rank: int, shard_format: ShardFormat) -> None:
        self.folder = _scratch(folder, task, rank)
        self._folder, self._part, self._task, self._rank, self._format = folder, part, task, rank, shard_format
        self._shard: Shard | None = None
        self._records: list[Record] = []

    def keep(self, record: Record, files: Sequence[Path]) -> None:
        """Moves the files of an image, which were written below `folder`, into the shard.

        Raises:
            WriteError: The shard cannot be written. Its images are to be predicted again.
        """
        contents = {file.relative_to(self.folder).as_posix(): read_bytes(file) for file in files}
        if self._format == "webdataset":
            about = {"input": record.input, "entries": record.entries}
            contents[f"{record.name}.json"] = json.dumps(about).encode()
        if self._shard is None:
            self._shard = Shard(self._free_path(), self._format)
        try:
            self._shard.add(record.name, contents)
        except BaseException as error:
            shard, self._shard, self._records = self._shard, None, []
            shard.__exit__(type(error), error, error.__traceback__)
            raise
        for file in files:
            file.unlink()
        sizes = {path: len(content) for path, content in contents.items()}
        self._records.append(replace(record, files=sizes, shard=self._shard.path.name))
        if len(self._records) == IMAGES_PER_SHARD:
            self._complete()

    def close(self) -> None:
        """Completes the shard that is being written."""
        self._complete()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _complete(self) -> None:
        if self._shard is not None:
            shard, self._shard = self._shard, None
            with shard:
                pass
            records, self._records = self._records, []
            self._part.add(*records, complete=shard.path.name)

    def _free_path(self) -> Path:
        suffix = SUFFIXES[self._format]
        paths = (self._folder / f"{self._task}_{self._rank:03}_{number:06}{suffix}" for number in count())
        return next(path for path in paths if not path.exists())


def refuse_references(output_format: OutputFormat, result_format: ResultFormat) -> None:
    """Checks that no file names another one that has another name in a WebDataset.

    Raises:
        ConfigError: The text files of Cityscapes do.

    Example:
        >>> refuse_references("zip", "cityscapes")
    """
    if output_format == "webdataset" and result_format == "cityscapes":
        raise ConfigError(
            "--output-format: 'webdataset' cannot hold the files of --result-format cityscapes, which name each other. "
            "Use zip or folder."
        )


def open_store(
    folder: Path, part: ManifestPart, task: Task, rank: int, output_format: OutputFormat
) -> FolderStore | ShardStore:
    """Returns the store of a process."""
    if output_format == "folder":
        return FolderStore(folder, part)
    return ShardStore(folder, part, task, rank, output_format)


def shards_of(folder: Path, task: Task) -> list[Path]:
    """Returns the shards in a folder."""
    return sorted(path for suffix in SUFFIXES.values() for path in folder.glob(f"{task}_[0-9]*_[0-9]*{suffix}"))


def remove_scratch(folder: Path, task: Task) -> None:
    """Removes what processes that were killed had not moved into a shard yet."""
    for left in folder.glob(_scratch(folder, task, 0).name.removesuffix("0") + "*"):
        shutil.rmtree(left, ignore_errors=True)


def _scratch(folder: Path, task: Task, rank: int) -> Path:
    return folder / f".part_{task}_{rank}"
