"""The manifest of a folder of predictions: which input became which files, with which settings.

`manifest_<task>.jsonl` has a line of settings, then a line for each input. While a prediction runs, each process
appends lines to a part of its own, `manifest_<task>.part_<rank>.jsonl`: one line once all files of an image are there.
So a process that is killed loses at most the image it worked on, and the next one finds in the lines what is done.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from segkit.errors import DataError, cause_of
from segkit.results.targets import Task
from segkit.runtime.reading import open_file
from segkit.runtime.writing import Json, explain_write_errors, replace_file


@dataclass(frozen=True)
class Record:
    """What became of one input: files, or an error."""

    input: str
    """As the command named it."""
    name: str
    """Of its files, without suffix."""
    files: Mapping[str, int] = field(default_factory=dict)
    """Path in the folder, or in the shard -> bytes."""
    shard: str | None = None
    """The archive that holds the files."""
    entries: Sequence[Mapping[str, object]] = ()
    """Its items in the JSON list of the folder."""
    error: str | None = None
    """Why there is no result."""

    def line(self) -> bytes:
        """Returns its line in a manifest: what is empty is left out."""
        return _line({key: value for key, value in asdict(self).items() if value})


class Place(NamedTuple):
    """Where the line of an input is."""

    file: Path
    offset: int
    name: str
    shard: str | None
    is_done: bool


class Manifest:
    """The manifest of one task in a folder, all parts together.

    Args:
        folder: Of the predictions.
        task: Of the results.
        name: What the names of its files begin with: a folder may have images and videos.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> manifest = Manifest(folder, "semantic")
        >>> with ManifestPart(manifest.part(rank=0), {"precision": "fp32"}) as part:
        ...     part.add(Record("images/a.png", "a", {"semantic/a.png": 90}))
        >>> manifest.merge(["images/a.png"], {"precision": "fp32"})
        >>> [record.input for record in manifest.records()]
        ['images/a.png']
    """

    def __init__(self, folder: Path, task: Task, name: str = "manifest") -> None:
        self.folder, self.task = folder, task
        self._stem = f"{name}_{task}"
        self.path = folder / f"{self._stem}.jsonl"

    def part(self, rank: int) -> Path:
        """Returns the part of a process."""
        return self.folder / f"{self._stem}.part_{rank}.jsonl"

    def files(self) -> list[Path]:
        """Returns the files that exist, the whole one first."""
        parts = self.folder.glob(f"{self._stem}.part_*.jsonl")
        return [*([self.path] if self.path.exists() else []), *sorted(parts, key=_rank)]

    def places(self) -> dict[str, Place]:
        """Finds the line of each input. What is done comes before what failed, and a later line before an earlier one.

        A record of a shard counts once the shard is complete. A last line without an end is that of a killed process.

        Raises:
            DataError: A file is damaged.
        """
        found: dict[str, Place] = {}
        for file in self.files():
            waiting: dict[str, dict[str, Place]] = {}
            for offset, line in _lines_of(file):
                if "complete" in line:
                    found.update(waiting.pop(line["complete"], {}))
                if "input" not in line:
                    continue
                place = Place(file, offset, line["name"], line.get("shard"), "error" not in line)
                if place.shard is not None:
                    waiting.setdefault(place.shard, {})[line["input"]] = place
                elif place.is_done or line["input"] not in found or not found[line["input"]].is_done:
                    found[line["input"]] = place
        return found

    def require_equal(self, settings: Mapping[str, Json]) -> None:
        """Checks that the results in the folder were made with these settings.

        Raises:
            DataError: They were not. The message has all differences.
        """
        for file in self.files():
            first = next((line for _, line in _lines_of(file)), None)
            if first is None:
                continue
            earlier = first.get("settings", {})
            differences = [
                f"{key} was {_shown(earlier.get(key))}, is {_shown(settings.get(key))}"
                for key in [*settings, *(key for key in earlier if key not in settings)]
                if earlier.get(key) != settings.get(key)
            ]
            if differences:
                raise DataError(
                    f"{file}: the results there have other settings: {'; '.join(differences)}. Use the earlier ones, "
                    "or give another --output."
                )

    def merge(self, order: Sequence[str], settings: Mapping[str, Json], forget: Sequence[str] = ()) -> None:
        """Puts the parts together into one file, and removes them.

        Args:
            order: Inputs in the order of their lines. Those of earlier commands come first.
            settings: Of the results.
            forget: Inputs whose results are to be made again.

        Raises:
            DataError: A file is damaged.
            WriteError: The file cannot be written. Then the parts stay.
        """
        places, parts = self.places(), self.files()
        for name in forget:
            del places[name]
        known = set(order)
        inputs = [*(name for name in places if name not in known), *(name for name in order if name in places)]
        with replace_file(self.path) as draft, draft.open("wb") as stream, _Streams() as sources:
            stream.write(_line({"settings": settings}))
            for name in inputs:
                stream.write(sources.line_at(places[name]))
            for shard in dict.fromkeys(places[name].shard for name in inputs):
                if shard is not None:
                    stream.write(_line({"complete": shard}))
        for part in parts:
            if part != self.path:
                with explain_write_errors(part):
                    part.unlink()

    def records(self) -> Iterator[Record]:
        """Yields the records of the merged file, in order.

        Raises:
            DataError: It is damaged.
        """
        for _, line in _lines_of(self.path):
            if "input" in line:
                yield Record(**line)


class ManifestPart:
    """The part of a manifest that one process appends to; its line of settings is there before any result.

    Lines are handed to the system at once, so that a killed process loses none. Nobody waits for the disk: after a
    power failure, the sizes of the files tell what is missing.

    Args:
        path: Of the part.
        settings: Of the results.

    Raises:
        WriteError: It cannot be written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Json]) -> None:
        self._path = path
        with explain_write_errors(path):
            self._stream = path.open("wb", buffering=0)
        self._append(_line({"settings": settings}))

    def add(self, *records: Record, complete: str | None = None) -> None:
        """Appends records; `complete` names their shard, which is complete.

        Raises:
            WriteError: The file cannot be written.
        """
        end = [_line({"complete": complete})] if complete is not None else []
        self._append(b"".join([*(record.line() for record in records), *end]))

    def _append(self, text: bytes) -> None:
        with explain_write_errors(self._path):
            while text:
                text = text[self._stream.write(text) :]

    def __enter__(self) -> "ManifestPart":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


class _Streams:
    """Files of which single lines are read."""

    def __init__(self) -> None:
        self._open: dict[Path, BinaryIO] = {}

    def line_at(self, place: Place) -> bytes:
        if place.file not in self._open:
            self._open[place.file] = open_file(place.file)
        stream = self._open[place.file]
        stream.seek(place.offset)
        return stream.readline()

    def __enter__(self) -> "_Streams":
        return self

    def __exit__(self, *_: object) -> None:
        for stream in self._open.values():
            stream.close()


def _lines_of(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields offset and content of each line. A last one that does not end, or is none, is left out."""
    offset = 0
    try:
        with open_file(file) as stream:
            for line in stream:
                try:
                    content = json.loads(line)
                    if not line.endswith(b"\n") or not isinstance(content, dict):
                        raise ValueError("a line that does not end")
                except ValueError as error:
                    if stream.readline():  # only the last one may be that of a killed process
                        raise DataError(
                            f"{file}: is damaged at byte {offset} ({cause_of(error)}). Give another --output."
                        ) from error
                    return
                yield offset, content
                offset += len(line)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}).") from error


def _line(content: Mapping[str, object]) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _shown(value: object) -> str:
    text = "not given" if value is None else str(value)
    return text if len(text) <= 16 else f"{text[:12]}…"  # a digest


def _rank(part: Path) -> int:
    match = re.search(r"part_(\d+)", part.name)
    return int(match.group(1)) if match else 0
