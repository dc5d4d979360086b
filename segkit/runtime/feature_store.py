"""Tensors kept on disk by key, as a cache: what cannot be read or written is computed again."""

import hashlib
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from segkit.errors import WriteError
from segkit.runtime.reading import read_bytes
from segkit.runtime.writing import WRITING, explain_write_errors, replace_file, require_folder

SUFFIX = ".features"
"""Of a file: 16 bytes of BLAKE2b of the rest, then the tensors in the format of safetensors."""

_DIGEST = 16
_LEFT_BEHIND = 3600.0
"""Seconds after which an incomplete file is taken for that of a process that was killed."""


class FeatureStore:
    """Lists of tensors on disk, in bfloat16, by key.

    Several processes may share a folder. A file that is damaged counts as missing. Where there is no room left, nothing
    more is kept, which is told once.

    Args:
        folder: May hold the files of several stores.
        name: Of this store inside the folder.
        max_bytes: Size of all files in the folder together, up to a hundredth more for each further process.

    Raises:
        WriteError: The folder cannot be made or written into.

    Example:
        >>> import tempfile
        >>> store = FeatureStore(Path(tempfile.mkdtemp()), "resnet", max_bytes=10**6)
        >>> store.write("a1", [torch.tensor([1.0, 1.001])])
        >>> store.read("a1"), store.read("b2")
        ([tensor([1., 1.])], None)
    """

    def __init__(self, folder: Path, name: str, max_bytes: int) -> None:
        require_folder(folder)
        with explain_write_errors(folder):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.name = name
        self.max_bytes = max_bytes
        self.found = 0
        """Reads that found what they looked for."""
        self.missed = 0
        """Those that did not."""
        self._until_scan = 0  # bytes that may be written before the folder is looked at again
        self._full = False

    def __deepcopy__(self, memo: object) -> "FeatureStore":
        return self  # copies of a model share it

    def read(self, key: str) -> list[Tensor] | None:
        """Returns the tensors of a key in the types that they had; None where there are none."""
        try:
            content = read_bytes(self._file(key))
            tensors = _unpacked(content)
        except (OSError, ValueError, SafetensorError):
            tensors = None
        if tensors is None:
            self.missed += 1
        else:
            self.found += 1
        return tensors

    def write(self, key: str, tensors: Sequence[Tensor]) -> None:
        """Keeps tensors under a key, if there is room."""
        content = _packed(tensors)
        if not self._has_room(len(content)):
            return
        try:
            # A file that a power failure damages is found out by its digest.
            with replace_file(self._file(key), durable=False, shared=True) as draft:
                draft.write_bytes(content)
        except WriteError as error:
            self._end(str(error), "Make room, or name a folder that can be written into.")

    def in_words(self) -> str:
        """Returns how often something was found."""
        looked = self.found + self.missed
        fraction = f" ({100 * self.found / looked:.0f} %)" if looked else ""
        return f"{self.folder}: {self.found} of {looked} found{fraction}"

    def _file(self, key: str) -> Path:
        # Folders of a few hundred files each are quick to list and to remove.
        return self.folder / self.name / key[:2] / f"{key}{SUFFIX}"

    def _has_room(self, size: int) -> bool:
        if self._full:
            return False
        if size > self._until_scan:
            room = self.max_bytes - _size_of(self.folder)
            if size > room:
                self._end(
                    f"{self.folder}: holds {self.max_bytes / 1e9:.3g} GB, all that it may (max_gigabytes).",
                    "Raise max_gigabytes, or remove folders in it that are no longer needed.",
                )
                return False
            # Other processes write too, so the folder is looked at again soon.
            self._until_scan = max(size, min(room, self.max_bytes // 100))
        self._until_scan -= size
        return True

    def _end(self, reason: str, advice: str) -> None:
        self._full = True
        warnings.warn(
            f"hook 'feature_cache': {reason} What is not in it is computed anew each time. {advice}", stacklevel=4
        )


def _size_of(folder: Path) -> int:
    """Returns the size of all files of a folder. Removes what killed processes have left behind."""
    total = 0
    for file in folder.rglob(f"*{SUFFIX}*"):
        try:
            state = file.stat()
            if file.name.endswith(WRITING) and state.st_mtime < time.time() - _LEFT_BEHIND:
                file.unlink()
            else:
                total += state.st_size
        except FileNotFoundError:  # another process has renamed or removed it
            continue
    return total


def _packed(tensors: Sequence[Tensor]) -> bytes:
    # Copied, since tensors that share memory cannot be saved.
    kept = [one.detach().to("cpu", torch.bfloat16, copy=True).contiguous() for one in tensors]
    kinds = [str(one.dtype).removeprefix("torch.") for one in tensors]
    named = {f"{index}.{kind}": one for index, (kind, one) in enumerate(zip(kinds, kept, strict=True))}
    content = save(named)
    return hashlib.blake2b(content, digest_size=_DIGEST).digest() + content


def _unpacked(content: bytes) -> list[Tensor]:
    """Raises ValueError or SafetensorError if the content is damaged."""
    digest, rest = content[:_DIGEST], content[_DIGEST:]
    if hashlib.blake2b(rest, digest_size=_DIGEST).digest() != digest:
        raise ValueError("it is damaged")
    numbered = {tuple(name.split(".")): tensor for name, tensor in load(rest).items()}
    return [tensor.to(getattr(torch, kind)) for (_, kind), tensor in sorted(numbered.items(), key=_number)]


def _number(item: tuple[tuple[str, ...], Tensor]) -> int:
    return int(item[0][0])
