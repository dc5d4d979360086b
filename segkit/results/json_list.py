"""A JSON file whose only list is written, and read, item by item."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from segkit.runtime.writing import explain_write_errors


class JsonList:
    """A JSON file whose only list is written item by item, so that it need not fit into memory.

    Args:
        path: Of the file; an existing one is replaced.
        head: JSON text before the items, which ends with `[`.
        tail: JSON text after them, which begins with `]`.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "list.json"
        >>> file = JsonList(path, '{"images": [', "]}")
        >>> file.add({"id": 1})
        >>> file.close()
        >>> json.loads(path.read_text())
        {'images': [{'id': 1}]}
    """

    def __init__(self, path: Path, head: str, tail: str) -> None:
        self._path = path
        with explain_write_errors(path):
            self._file: IO[str] = path.open("w", encoding="utf-8")
            self._file.write(head)
        self._tail = tail
        self._separator = "\n"

    def add(self, item: Mapping[str, object]) -> None:
        """Writes one more item.

        Raises:
            WriteError: The file cannot be written.
        """
        with explain_write_errors(self._path):
            self._file.write(self._separator + json.dumps(item))
        self._separator = ",\n"

    def close(self) -> None:
        """Completes the file. Further calls do nothing.

        Raises:
            WriteError: The file cannot be written. It is closed all the same.
        """
        if not self._file.closed:
            with explain_write_errors(self._path), self._file:
                self._file.write("\n" + self._tail + "\n")


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
        >>> file = JsonList(path, "[", "]")
        >>> file.add({"id": 1})
        >>> file.add({"id": 2})
        >>> file.close()
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
