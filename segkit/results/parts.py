"""Results of images that several processes share: each writes a part, and one puts the parts together in order."""

import heapq
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from segkit.errors import DataError
from segkit.results.files import IMAGE_KEY
from segkit.results.json_list import JsonList, frame_of, items_of
from segkit.results.names import DIGITS, NumberedNames, OutputNames
from segkit.runtime.processes import Process, gather
from segkit.runtime.reading import read_utf8

_PART = ".part_"
"""What the name of a part's folder begins with."""


class Part(NamedTuple):
    """Where one process writes."""

    folder: Path
    names: OutputNames
    """Names of its files. Ask for that of every image of the process, in order, also if nothing is written of it."""


@contextmanager
def own_part(folder: Path, process: Process) -> Iterator[Part]:
    """Yields where this process writes PNGs, texts that list PNGs, and JSON lists that shall be in `folder` at the end.

    Process r of n must have the images r, r + n, r + 2 n, ... of all, in order. The files are then the same as those of
    one process, which writes into `folder` at once. After an error, the parts stay as they are, until the next call
    for `folder` removes them.

    Every process must call it, and leaving it waits for all of them.

    Args:
        folder: On a disk that all processes share.
        process: This one.

    Raises:
        DataError: The files cannot be put together.

    Example:
        >>> import torch
        >>> with own_part(Path("out"), Process(torch.device("cpu"))) as part:
        ...     part.folder, part.names.of("images/street.jpg")
        (PosixPath('out'), 'street')
    """
    if process.is_main:  # of an earlier run that was stopped, perhaps of more processes
        for left in folder.glob(f"{_PART}[0-9]*"):
            shutil.rmtree(left, ignore_errors=True)
    if process.num_processes == 1:
        yield Part(folder, OutputNames())
        return
    names, own = NumberedNames(process.rank, process.num_processes), _part_of(folder, process.rank)
    gather(None)  # nobody writes before they are removed
    yield Part(own, names)
    files = gather(names.files)
    if process.is_main:
        try:
            join_parts(folder, [_part_of(folder, rank) for rank in range(process.num_processes)], files)
        except OSError as error:
            raise DataError(f"{folder}: the results cannot be written ({error}).") from error
    gather(None)  # nobody goes on before the files are there


def join_parts(folder: Path, parts: Sequence[Path], files: Sequence[Sequence[str]]) -> None:
    """Moves the files of all parts to `folder`, under the names that one process would have given, and joins the lists.

    Args:
        folder: The destination.
        parts: The folder of each process; one that wrote nothing has none.
        files: The images of each process, in order.

    Raises:
        OSError: A file cannot be written.
    """
    number_of = {file: rank + len(parts) * k for rank, own in enumerate(files) for k, file in enumerate(own)}
    names = OutputNames()
    name_of = {number_of[file]: names.of(file) for file in sorted(number_of, key=number_of.__getitem__)}
    for part in parts:
        for file in sorted([*part.rglob("*.png"), *part.rglob("*.txt")]):
            number, rest = int(file.name[:DIGITS]), file.name[DIGITS:]
            if file.suffix == ".txt":  # its lines begin with the names of the image's PNGs
                lines = read_utf8(file).splitlines(keepends=True)
                file.write_text("".join(name_of[number] + line[DIGITS:] for line in lines), encoding="utf-8")
            destination = folder / file.parent.relative_to(part)
            destination.mkdir(parents=True, exist_ok=True)
            file.replace(destination / f"{name_of[number]}{rest}")
    for name in sorted({file.name for part in parts for file in part.glob("*.json")}):
        _join_lists(folder / name, [part / name for part in parts if (part / name).exists()], number_of, name_of)
    for part in parts:
        shutil.rmtree(part, ignore_errors=True)


def _join_lists(path: Path, parts: Sequence[Path], number_of: dict[str, int], name_of: dict[int, str]) -> None:
    with JsonList(path, *frame_of(parts[0])) as joined:
        # Each list is in order, so only one item of each is in memory.
        for item in heapq.merge(*map(items_of, parts), key=lambda item: number_of[_file_of(item)]):
            if IMAGE_KEY in item:  # of the panoptic format: its `file_name` follows that of the PNG
                item["file_name"] = f"{name_of[number_of[_file_of(item)]]}.png"
            joined.add(item)


def _file_of(item: dict[str, str]) -> str:
    return item.get(IMAGE_KEY, item["file_name"])


def _part_of(folder: Path, rank: int) -> Path:
    return folder / f"{_PART}{rank}"
