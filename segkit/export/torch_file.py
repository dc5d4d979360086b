"""Files of torch.export: run by torch, without the code of the model."""

import io
import zipfile
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from segkit.errors import ExportError, cause_of
from segkit.export.metadata import KEY, FileInfo
from segkit.export.quietly import quietly
from segkit.runtime.reading import open_file

_EXTRA = f"{KEY}.json"


def write_torch(program: ExportedProgram, path: Path, info: FileInfo, outputs: list[str]) -> None:
    """Writes a traced program with its metadata; the program knows the names of its outputs itself."""
    # torch's own writer ends the process when the disk is full.
    content = io.BytesIO()
    with quietly():
        torch.export.save(program, content, extra_files={_EXTRA: info.to_json()})
    path.write_bytes(content.getbuffer())


def _require_intact(path: Path) -> None:
    """Checks the archive, whose parts have checksums that torch does not look at.

    Raises:
        ValueError: A part is damaged.
        OSError: The file cannot be read.
        zipfile.BadZipFile: It is no archive.
    """
    with open_file(path) as stream, zipfile.ZipFile(stream) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"the checksum of its part {damaged} is wrong")


class TorchFile:
    """A program of torch.export.

    Args:
        path: The file.

    Raises:
        ExportError: It is damaged, or not a file of segkit.
    """

    def __init__(self, path: Path) -> None:
        extra = {_EXTRA: ""}
        try:
            _require_intact(path)
            with quietly():
                program = torch.export.load(path, extra_files=extra)
            self._run = program.module()
        # torch raises whatever it stumbles over in a damaged archive.
        except Exception as error:
            raise ExportError(
                f"{path}: cannot be read as a program of torch.export ({cause_of(error)}). The file is damaged, or "
                f"another version of torch than {torch.__version__} wrote it. Export the checkpoint again."
            ) from error
        if not extra[_EXTRA]:
            raise ExportError(f"{path}: was not written by segkit export: it has no '{_EXTRA}'.")
        self.info = FileInfo.from_json(extra[_EXTRA], str(path))

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """(B,3,H,W) uint8 RGB -> outputs by name."""
        with torch.no_grad():
            outputs: dict[str, Tensor] = self._run(images)
        return outputs
