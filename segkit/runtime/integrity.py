"""Digests of the files in a folder, by which damage is found.

The digests are in a file that `sha256sum --check SHA256SUMS` reads too. Reading a file a second time for its digest
takes about 0.3 s per 200 MB (SHA-256; BLAKE2b takes 1.5 times as long on CPUs with SHA instructions).

A folder that is written at once gets its digests before it has its name. In one whose files are written again and
again, they are removed before the first file and written after the last one: a process that is killed in between leaves
none, which says nothing, and not those of earlier files.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from segkit.errors import CheckpointError
from segkit.runtime.reading import open_file, read_utf8
from segkit.runtime.writing import explain_write_errors, replace_file

MANIFEST = "SHA256SUMS"
"""The file with a line `<digest>  <name>` for each file of the folder."""

USE_ANOTHER = "Use another checkpoint."
"""What to do about a damaged file of a checkpoint."""

_LINE = re.compile(r"([0-9a-f]{64})  ((?:(?!\.\.?/)[^/\n]+/)*[^/\n]+)")
_CHUNK = 1 << 20


def write_manifest(folder: Path) -> None:
    """Writes the digests of all files in a folder that has no name yet.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "weights").write_text("complete")
        >>> write_manifest(folder)
        >>> (folder / MANIFEST).read_text().split()[1]
        'weights'
        >>> require_intact(folder / "weights")
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    (folder / MANIFEST).write_text(_lines(folder, names), encoding="utf-8")


def unguard(folder: Path) -> None:
    """Removes the digests of a folder whose files are written anew.

    Raises:
        WriteError: The folder cannot be changed.
    """
    with explain_write_errors(folder / MANIFEST):
        (folder / MANIFEST).unlink(missing_ok=True)


def guard(folder: Path, names: Iterable[str]) -> None:
    """Writes the digests of these files of a folder, after all of them are written.

    Args:
        folder: The folder.
        names: Relative to it. Files that must be listed (`needed` of `require_intact_folder`) come last: a list that is
            cut at the end of a line then lacks one of them.

    Raises:
        WriteError: The digests cannot be written.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "metrics.json").write_text("{}")
        >>> guard(folder, ["metrics.json"])
        >>> require_intact_folder(folder, ["metrics.json"])
    """
    with replace_file(folder / MANIFEST) as draft:
        draft.write_text(_lines(folder, names), encoding="utf-8")


def _lines(folder: Path, names: Iterable[str]) -> str:
    return "".join(f"{digest_of(folder / name)}  {name}\n" for name in names)


def require_intact(file: Path, remedy: str = USE_ANOTHER) -> None:
    """Checks that a file is as it was written. Without a manifest beside it, nothing is known and nothing is checked.

    Args:
        file: The file.
        remedy: What to do otherwise, for the message.

    Raises:
        CheckpointError: The file or the manifest was changed, or the file is missing.
    """
    digests = read_manifest(file.parent, remedy)
    if digests is not None:
        _compare(file, file.parent, digests.get(file.name), remedy)


def require_intact_folder(folder: Path, needed: Iterable[str] = (), remedy: str = USE_ANOTHER) -> None:
    """Checks all files that a folder's manifest lists, as `require_intact` does.

    Args:
        folder: The folder.
        needed: Files that the manifest must list. One that was cut at the end of a line shows nothing else.
        remedy: As for `require_intact`.
    """
    digests = read_manifest(folder, remedy)
    if digests is not None:
        for name in dict.fromkeys([*digests, *needed]):
            _compare(folder / name, folder, digests.get(name), remedy)


def read_manifest(folder: Path, remedy: str = USE_ANOTHER) -> dict[str, str] | None:
    """Returns the digests by file name; None for a folder without manifest, as earlier versions of segkit wrote it.

    Args:
        folder: The folder.
        remedy: As for `require_intact`.

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
        raise CheckpointError(f"{file}: is damaged ({error}). {remedy} {_changed(folder)}") from error
    return digests


def _compare(file: Path, folder: Path, expected: str | None, remedy: str) -> None:
    if expected is None:
        raise CheckpointError(f"{file}: is not listed in {MANIFEST}. {remedy} {_changed(folder)}")
    try:
        digest = digest_of(file)
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read ({error.strerror}). {remedy}") from error
    if digest != expected:
        raise CheckpointError(f"{file}: is damaged: its digest differs from {MANIFEST}. {remedy} {_changed(folder)}")


def _changed(folder: Path) -> str:
    return f"If you changed files yourself, remove {folder / MANIFEST}."


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
