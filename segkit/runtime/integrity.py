"""Digests of the files in a folder, by which damage is found.

The digests are in a file that `sha256sum --check SHA256SUMS` reads too. Reading a file a second time for its digest
takes about 0.3 s per 200 MB (SHA-256; BLAKE2b takes 1.5 times as long on CPUs with SHA instructions).
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from segkit.errors import CheckpointError
from segkit.runtime.reading import open_file, read_utf8

MANIFEST = "SHA256SUMS"
"""The file with a line `<digest>  <name>` for each file of the folder."""

_LINE = re.compile(r"([0-9a-f]{64})  ([^/\n]+)")
_CHUNK = 1 << 20


def write_manifest(folder: Path, names: Iterable[str] | None = None) -> None:
    """Writes the digests of all files in `folder`, or of those with these names.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "weights").write_text("complete")
        >>> write_manifest(folder)
        >>> (folder / MANIFEST).read_text().split()[1]
        'weights'
        >>> require_intact(folder / "weights")
    """
    if names is None:
        names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    lines = [f"{digest_of(folder / name)}  {name}\n" for name in names]
    (folder / MANIFEST).write_text("".join(lines), encoding="utf-8")


def require_intact(file: Path) -> None:
    """Checks that a file is as it was written. Without a manifest beside it, nothing is known and nothing is checked.

    Raises:
        CheckpointError: The file or the manifest was changed, or the file is missing.
    """
    digests = read_manifest(file.parent)
    if digests is not None:
        _compare(file, digests.get(file.name))


def require_intact_folder(folder: Path, needed: Iterable[str] = ()) -> None:
    """Checks all files that a folder's manifest lists, as `require_intact` does.

    Args:
        folder: The folder.
        needed: Files that the manifest must list. One that was cut at the end of a line shows nothing else.
    """
    digests = read_manifest(folder)
    if digests is not None:
        for name in dict.fromkeys([*digests, *needed]):
            _compare(folder / name, digests.get(name))


def read_manifest(folder: Path) -> dict[str, str] | None:
    """Returns the digests by file name; None for a folder without manifest, as earlier versions of segkit wrote it.

    Raises:
        CheckpointError: The manifest is damaged.
    """
    file = folder / MANIFEST
    if not file.is_file():
        return None
    try:
        # Each line must end, or a cut last line could pass for a whole one.
        *lines, rest = read_utf8(file).split("\n")
        matches = [_LINE.fullmatch(line) for line in lines]
        digests = {match.group(2): match.group(1) for match in matches if match is not None}
        if rest or not lines or len(digests) < len(lines):
            raise ValueError("not a list of SHA-256 digests")
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file}: is damaged ({error}). {_remedy(folder)}") from error
    return digests


def _compare(file: Path, expected: str | None) -> None:
    if expected is None:
        raise CheckpointError(f"{file}: is not listed in {MANIFEST}. {_remedy(file.parent)}")
    try:
        digest = digest_of(file)
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read ({error.strerror}). Use another checkpoint.") from error
    if digest != expected:
        raise CheckpointError(f"{file}: is damaged: its digest differs from {MANIFEST}. {_remedy(file.parent)}")


def _remedy(folder: Path) -> str:
    return f"Use another checkpoint. If you changed files yourself, remove {folder / MANIFEST}."


def digest_of(file: Path) -> str:
    """Returns the SHA-256 of a file.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with open_file(file) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
