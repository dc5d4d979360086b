"""Files of `torch.save` and other pickles, examined before anything is made from them.

`torch.load(weights_only=True)` runs no code of a pickle. But Python computes the hash of a tuple that lies in a tuple,
and so on, by calls within calls, and a key of a hundred thousand tuples ends the process.
"""

import errno
import os
import pickle
import pickletools
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from segkit.errors import cause_of

ZIP = b"PK\x03\x04"
LEGACY_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""The first bytes of files of `torch.save`: a zip archive, or a pickled magic number in the older format."""

_LEGACY_PICKLES = 5
"""Pickles in a file of the older format: magic number, version, platform, content, names of the storages."""

_MOST_NESTED = 100
"""How many tuples may contain each other. Checkpoints nest a few."""

_FULL = 2**20
"""Bytes; a disk with less room is full."""

_LONGEST_NAME = 300
"""Characters of a tensor's name. In pickles of Python 2 the values of arrays are texts too."""


class RefusedPickleError(ValueError):
    """A pickle asks for something that could run a program. Nothing was run.

    Args:
        asked: Its name.
    """

    def __init__(self, asked: str) -> None:
        super().__init__(
            f"refused: its pickle asks for {asked}, which arrays, tensors and plain containers do not need and which "
            "could run a program. Nothing was run"
        )


def save_torch(content: Any, file: Path) -> None:
    """Writes a file of `torch.save`.

    Raises:
        OSError: It cannot be written. torch tells a full disk in words of its own; here the error says so.
    """
    import torch

    try:
        torch.save(content, file)
    except RuntimeError as error:
        with open(file, "ab") as probe:
            probe.write(bytes(_FULL))  # raises what has stopped torch, such as a limit of the size of files
        if shutil.disk_usage(file.parent).free < _FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file)) from error
        raise OSError(f"torch: {cause_of(error)}") from error


def load_torch(stream: IO[bytes]) -> Any:
    """Reads a file of `torch.save` onto the CPU: tensors and plain containers. Nothing of the file is run.

    Raises:
        RefusedPickleError: it asks for something that could run a program.
        ValueError: the file is damaged or asks for too much. Damage elsewhere raises what `torch.load` raises.

    Example:
        >>> import io, torch
        >>> file = io.BytesIO()
        >>> torch.save({"weight": torch.ones(2)}, file)
        >>> _ = file.seek(0)
        >>> load_torch(file)
        {'weight': tensor([1., 1.])}
    """
    import torch  # slow, and not needed to look at names

    try:
        for pickled in _pickles_of(stream):
            for _ in shallow_opcodes(pickled):
                pass
    except Exception as error:  # a damaged archive can raise anything
        raise ValueError(cause_of(error)) from error
    stream.seek(0)
    try:
        return torch.load(stream, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # torch advises to load the file without its checks
        asked = re.search(r"GLOBAL ([\w.]+)", str(error))
        if asked:
            raise RefusedPickleError(asked[1]) from None
        raise ValueError("its pickle is damaged, or holds more than tensors and plain containers") from None


def _pickles_of(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """Yields a stream at the beginning of each pickle in a file of `torch.save`; the caller reads each to its end."""
    start = stream.read(len(LEGACY_TORCH))
    stream.seek(0)
    if start == LEGACY_TORCH:
        for _ in range(_LEGACY_PICKLES):
            yield stream
    elif start.startswith(ZIP):
        with zipfile.ZipFile(stream) as archive:
            # With something before or after the archive, torch could find another table of its entries than Python.
            if archive.comment or min((entry.header_offset for entry in archive.infolist()), default=0):
                raise ValueError("its archive has something before or after its entries, which torch never writes")
            for entry in archive.infolist():
                # torch never compresses. A compressed pickle may be a thousand times as long as the file.
                if entry.compress_type != zipfile.ZIP_STORED:
                    raise ValueError(f"'{entry.filename}' in it is compressed, which torch never does")
                if entry.filename.lower().endswith(".pkl"):  # torch finds names in any case
                    with archive.open(entry) as pickled:
                        yield pickled
    else:  # torch would unpickle its beginning before it finds that out
        raise ValueError("it is no file of torch.save")


def pickled_names(stream: IO[bytes]) -> set[str]:
    """Returns the short texts in a pickle or a file of `torch.save`, such as the names of tensors. Nothing is run.

    Of a damaged file, the texts before the damage; none of a file of another kind.

    Example:
        >>> import io, pickle
        >>> sorted(pickled_names(io.BytesIO(pickle.dumps({"head.bias": [1.0], "head.weight": [2.0]}))))
        ['head.bias', 'head.weight']
    """
    names: set[str] = set()
    start = stream.read(len(LEGACY_TORCH))
    stream.seek(0)
    plain = start.startswith(b"\x80") and start != LEGACY_TORCH
    try:
        for pickled in [stream] if plain else _pickles_of(stream):
            for _, argument, _ in pickletools.genops(pickled):
                if isinstance(argument, str) and len(argument) <= _LONGEST_NAME:
                    names.add(argument)
    except Exception:  # a damaged file can raise anything
        return names
    return names


def shallow_opcodes(stream: IO[bytes]) -> Iterator[str]:
    """Yields the names of a pickle's opcodes, and refuses tuples that are nested deeply.

    Raises:
        ValueError: tuples contain each other too often, or the pickle is damaged.

    Example:
        >>> import io, pickle
        >>> list(shallow_opcodes(io.BytesIO(pickle.dumps((1, 2), protocol=2))))
        ['PROTO', 'BININT1', 'BININT1', 'TUPLE2', 'BINPUT', 'STOP']
        >>> deep = b"\\x80\\x02)" + 1000 * b"\\x85" + b"."
        >>> list(shallow_opcodes(io.BytesIO(deep)))
        Traceback (most recent call last):
        ValueError: more than 100 tuples in it contain each other
    """
    stack: list[int] = []  # how deep the tuples of each value are
    marks: list[int] = []  # the places of marks in the stack
    memo: dict[int, int] = {}
    for opcode, argument, _ in pickletools.genops(stream):
        name = opcode.name
        if "PUT" in name or name == "MEMOIZE":
            memo[argument if isinstance(argument, int) else len(memo)] = stack[-1] if stack else 0
        elif "GET" in name:
            assert isinstance(argument, int), "an opcode that gets a value names its number"
            stack.append(memo.get(argument, 0))
        elif name == "MARK":
            marks.append(len(stack))
        else:
            taken = _taken(stack, marks, opcode)
            depth = max(taken, default=0) if name == "DUP" else 0
            # Other values end the nesting: a list has no hash, and objects and sets have one of their own.
            if "TUPLE" in name and (depth := 1 + max(taken, default=0)) > _MOST_NESTED:
                raise ValueError(f"more than {_MOST_NESTED} tuples in it contain each other")
            stack += [depth] * len(opcode.stack_after)
        yield name


def _taken(stack: list[int], marks: list[int], opcode: pickletools.OpcodeInfo) -> list[int]:
    """Removes what an opcode takes from the stack, and returns it."""
    before = opcode.stack_before
    if pickletools.markobject in before:  # everything down to the mark, and perhaps values below it
        start = (marks.pop() if marks else 0) - before.index(pickletools.markobject)
    elif opcode.name == "POP" and marks and marks[-1] == len(stack):  # takes the mark itself
        start = marks.pop()
    else:
        start = len(stack) - len(before)
    taken = stack[max(start, 0) :]
    del stack[max(start, 0) :]
    return taken
