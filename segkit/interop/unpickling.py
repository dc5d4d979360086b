"""Reads tensors from other programs' checkpoint files, without running anything from the files.

A pickle is a program: it names functions and calls them. A checkpoint needs only a few, which rebuild arrays. This
module replaces these by its own functions, and refuses every other name.
"""

import pickle
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from segkit.errors import CheckpointError, cause_of, with_article
from segkit.runtime.pickles import LEGACY_TORCH, ZIP, RefusedPickleError, load_torch, shallow_opcodes
from segkit.runtime.reading import open_file

_OUTSIDE = ("EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID")
"""Opcodes that fetch objects from outside the pickle, by extension code or persistent id."""

_Array = npt.NDArray[Any]


class Program(NamedTuple):
    """A program whose checkpoints are read."""

    name: str
    """With its article, for error messages."""
    files: str
    """What its files are called, for error messages."""
    keys: tuple[str, ...]
    """Where its tensors lie: under the first of these keys that a file has; "" stands for the file itself."""


DETECTRON2 = Program("a detectron2 program", "model_final_….pkl or .pth", ("model",))


def read_model_tensors(file: Path, program: Program = DETECTRON2) -> dict[str, Tensor]:
    """Reads the tensors of a pickle of arrays (.pkl) or a file of `torch.save` (.pth), on the CPU.

    The format is recognized by the file's content, not by its name.

    Args:
        file: The file.
        program: Its program, which says where the tensors lie.

    Raises:
        CheckpointError: the file is missing, damaged, of another format, or asks for anything but arrays, tensors and
            plain containers.

    Example:
        >>> import pickle, tempfile
        >>> file = Path(tempfile.mkdtemp()) / "model_final.pkl"
        >>> _ = file.write_bytes(pickle.dumps({"model": {"head.bias": np.array([1.0, 2.0], np.float32)}}, protocol=2))
        >>> read_model_tensors(file)
        {'head.bias': tensor([1., 2.])}
    """
    try:
        with open_file(file) as stream:
            start = stream.read(len(LEGACY_TORCH))
            stream.seek(0)
            if start.startswith(ZIP) or start == LEGACY_TORCH:
                content = _read_torch(stream, file)
            elif start.startswith(b"\x80"):
                content = _read_pickle(stream, file)
            else:
                found = f"it begins with {start[:8]!r}" if start else "it is empty"
                raise CheckpointError(
                    f"{file}: is not a checkpoint of {program.name}: {found}, so it is neither a pickle nor a file of "
                    f"torch.save. Give its {program.files}."
                )
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read ({error.strerror or error}).") from error
    return _model_tensors(content, file, program)


def _model_tensors(content: Any, file: Path, program: Program) -> dict[str, Tensor]:
    has = content if isinstance(content, Mapping) else {}
    key = next((key for key in program.keys if key in has or not key), program.keys[-1])
    model = has.get(key) if key else content
    if not isinstance(model, Mapping):
        wanted = f"a mapping '{key}' of tensors" if key else "a mapping of tensors"
        raise CheckpointError(
            f"{file}: holds {_described(content)} instead of {wanted}. Give a checkpoint of {program.name}."
        )
    tensors = {}
    for name, value in model.items():
        if isinstance(value, _ArrayStandIn) and value.array is not None:
            value = torch.from_numpy(value.array)
        if not (isinstance(name, str) and isinstance(value, Tensor)):
            raise CheckpointError(
                f"{file}: {key or 'content'}: {name!r} is {_described(value)}, not a tensor under its name."
            )
        tensors[name] = value
    return tensors


def _described(value: Any) -> str:
    if isinstance(value, Mapping):
        keys = ", ".join(repr(key) for key in list(value)[:5]) + (", …" if len(value) > 5 else "")
        return f"a mapping of {keys}" if value else "an empty mapping"
    return "an array" if isinstance(value, _ArrayStandIn | Tensor) else with_article(type(value).__name__)


def _read_torch(stream: BinaryIO, file: Path) -> Any:
    try:
        return load_torch(stream)
    except RefusedPickleError as error:
        raise _refusal(file, error) from None
    except Exception as error:  # a damaged file can raise anything
        raise _damage(file, error) from error


def _read_pickle(stream: BinaryIO, file: Path) -> Any:
    try:
        for name in shallow_opcodes(stream):
            if name in _OUTSIDE:
                raise _refusal(file, RefusedPickleError(f"something outside of it by {name}"))
        stream.seek(0)
        return _Unpickler(stream, file).load()
    except CheckpointError:
        raise
    except Exception as error:  # a damaged pickle can raise anything; only the stand-ins below have run
        raise _damage(file, error) from error


def _refusal(file: Path, error: RefusedPickleError) -> CheckpointError:
    return CheckpointError(f"{file}: {error}. Get the file from a source you trust, as plain arrays or tensors.")


def _damage(file: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{file}: is damaged, truncated, or not a checkpoint ({cause_of(error)}). Download it again."
    )


class _Unpickler(pickle.Unpickler):
    """Unpickles arrays and plain containers.

    Python 2 pickles the bytes of arrays as text; Latin-1 maps each character to the byte of the same value.
    """

    def __init__(self, stream: BinaryIO, file: Path) -> None:
        super().__init__(stream, encoding="latin1")
        self._file = file

    def find_class(self, module: str, name: str) -> Any:
        known = _KNOWN.get((re.sub(r"^numpy\._core\.", "numpy.core.", module), name))
        if known is None:
            raise _refusal(self._file, RefusedPickleError(f"{module}.{name}"))
        # A new function each time, so that attributes a pickle sets on it do not outlive the pickle.
        return lambda *arguments: known(*arguments)


class _DtypeStandIn:
    """A numpy dtype as pickles build it: from a code such as `f4`, then a state that holds the byte order."""

    def __init__(self, code: str, align: bool = False, copy: bool = True) -> None:
        if not re.fullmatch(r"[fiu][1248]|b1", code):
            raise ValueError(f"an array of '{code}', not of numbers")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _ArrayStandIn:
    """A numpy array as pickles build it: empty at first, then from a state with shape, dtype, order and bytes."""

    array: _Array | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran_order, data = state
        self.array = _make_array(data, dtype, shape, "F" if fortran_order else "C")


def _make_array(data: bytes | bytearray | str, dtype: _DtypeStandIn, shape: tuple[int, ...], order: str) -> _Array:
    raw = data.encode("latin1") if isinstance(data, str) else data
    array: _Array = np.frombuffer(raw, dtype.dtype).reshape(shape, order="F" if order == "F" else "C")
    return array.astype(dtype.dtype.newbyteorder("="))  # a copy, because `raw` is read-only


def _reconstruct(subtype: type, shape: tuple[int, ...], code: bytes) -> _ArrayStandIn:
    return _ArrayStandIn()


def _from_buffer(data: bytes, dtype: _DtypeStandIn, shape: tuple[int, ...], order: str) -> _ArrayStandIn:
    result = _ArrayStandIn()
    result.array = _make_array(data, dtype, shape, order)
    return result


def _scalar(dtype: _DtypeStandIn, data: bytes | str) -> _ArrayStandIn:
    return _from_buffer(data, dtype, (), "C")  # type: ignore[arg-type]


def _encode(text: str, encoding: str) -> bytes:
    """Rebuilds bytes that Python 3 has pickled for Python 2."""
    if encoding != "latin1":
        raise ValueError(f"bytes written as '{encoding}', not as latin1")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """Rebuilds empty bytes that Python 3 has pickled for Python 2."""
    return b""


_KNOWN: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("numpy", "ndarray"): _ArrayStandIn,
    ("numpy", "dtype"): _DtypeStandIn,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
}
"""What a pickle may ask for. Names of numpy 2 (`numpy._core`) are looked up as those of numpy 1."""
