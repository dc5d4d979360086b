"""The formats of exported files: how each is written, and how it is opened to be run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor
from torch.export import ExportedProgram

from segkit.errors import ExportError
from segkit.export.metadata import FileInfo
from segkit.export.onnx_file import OnnxFile, write_onnx
from segkit.export.torch_file import TorchFile, write_torch


class ExportedFile(Protocol):
    """An exported file that was opened."""

    @property
    def info(self) -> FileInfo:
        """The metadata."""

    def __call__(self, images: Tensor, /) -> dict[str, Tensor]:
        """(B,3,H,W) uint8 RGB, all of one size within `info.sizes` -> outputs by name, each with the batch first."""


@dataclass(frozen=True)
class Format:
    """A format of exported files."""

    suffix: str
    write: Callable[[ExportedProgram, Path, FileInfo, list[str]], None]
    """(traced program, path, metadata, names of the outputs in order)."""
    open: Callable[[Path], ExportedFile]
    packages: tuple[str, ...] = ()
    """Of the extra `export`, which writing and opening need."""


FORMATS = {
    "onnx": Format(".onnx", write_onnx, OnnxFile, ("onnx", "onnxscript", "onnxruntime")),
    "torch": Format(".pt2", write_torch, TorchFile),
}


def is_exported(path: str | Path) -> bool:
    """Tells by the suffix whether a path names an exported file.

    Example:
        >>> is_exported("model.onnx"), is_exported("runs/quickstart")
        (True, False)
    """
    return Path(path).suffix in {one.suffix for one in FORMATS.values()}


def open_exported(path: str | Path) -> ExportedFile:
    """Opens an exported file.

    Raises:
        ExportError: Its suffix is that of no format, there is no such file, it is damaged, or a package is missing.

    Example:
        >>> open_exported("no_such_file.onnx")
        Traceback (most recent call last):
        segkit.errors.ExportError: no_such_file.onnx: there is no such file.
    """
    path = Path(path)
    for one in FORMATS.values():
        if path.suffix == one.suffix:
            if not path.exists():
                raise ExportError(f"{path}: there is no such file.")
            return one.open(path)
    suffixes = " or ".join(one.suffix for one in FORMATS.values())
    raise ExportError(f"{path}: an exported file ends in {suffixes}.")
