"""A JSON file whose only list is written, and read, item by item."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, BinaryIO

from segkit.runtime.writing import explain_write_errors, replace_file


class JsonList:
    """A JSON file whose only list is written item by item, so that it need not fit into memory.

    The file gets its name when it is complete, so that a process that is killed leaves no half of it. As a context
    manager, it is completed at the end, and removed after an error.

    Args:
        path: Of the file; an existing one is replaced.
        head: JSON text before the items, which ends with `[`.
        tail: JSON text after them, which begins with `]`.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "list.json"
        >>> with JsonList(path, '{"images": [', "]}") as file:
        ...     file.add({"id": 1})
        >>> json.loads(path.read_text())
        {'images': [{'id': 1}]}
    """

    def __init__(self, path: Path, head: str, tail: str) -> None:
        self._path, self._tail = path, tail
        self._lock = Lock()  # a second Ctrl-C completes the list while another thread still adds to it
        with ExitStack() as stack:
            draft = stack.enter_context(replace_file(path))
            self._file: BinaryIO = stack.enter_context(draft.open("wb"))
            self._file.write(head.encode())
            self._draft = stack.pop_all()
        self._length = self._file.tell()
        self._separator = "\n"

    def add(self, *items: Mapping[str, object]) -> None:
        """Writes more items: all of them, or none where it is interrupted.

        Raises:
            WriteError: The file cannot be written.
        """
        if not items:
            return
        text = (self._separator + ",\n".join(map(json.dumps, items))).encode()
        with self._lock, explain_write_errors(self._path):
            self._file.write(text)
            self._length, self._separator = self._length + len(text), ",\n"

    def close(self) -> None:
        """Completes the file. Further calls do nothing.

        Raises:
            WriteError: The file cannot be written. Then an earlier one is kept.
        """
        if not self._file.closed:
            with self._lock, self._draft:
                # A signal may have come within `add`.
                self._file.seek(self._length)
                self._file.truncate()
                self._file.write(f"\n{self._tail}\n".encode())

    def __enter__(self) -> JsonList:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._draft.__exit__(kind, error, trace)


def frame_of(path: Path) -> tuple[str, str]:
    """Returns head and tail of a file that a `JsonList` wrote."""
    lines = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            lines.append(line)
            if line.endswith("[\n"):
                break
    head = "".join(lines).rstrip("\n")
    return head, "]}" if head.startswith("{") else "]"


def items_of(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the items of a file that a `JsonList` wrote, one by one.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "list.json"
        >>> with JsonList(path, "[", "]") as file:
        ...     file.add({"id": 1}, {"id": 2})
        >>> list(items_of(path))
        [{'id': 1}, {'id': 2}]
    """
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("[\n"):
                break
        for line in file:
            if line.startswith("{"):
                yield json.loads(line.rstrip(",\n"))
