"""The setting `split`: which images of a folder or file belong to a dataset."""

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated

from segkit.data.paths import dataset_path
from segkit.data.problems import Problems
from segkit.data.text import read_text
from segkit.errors import DataError, suggest
from segkit.registries.signature import Form

_FORMS = (
    "Write the name of a list of images, or {share: 0.2, seed: 0} for a fifth of the images, or {all_but: 0.2, seed: "
    "0} for the others."
)

_SEARCHED, _MOST_NAMES = 10, 10_000
"""Lines for which a similar name is searched, and the most names: among more, it would take seconds."""


def malformed(split: dict[str, float]) -> str:
    """Returns what is wrong with a setting that names a share, and what to do; an empty text where nothing is.

    Example:
        >>> malformed({"share": 0.2, "seed": 3})
        ''
    """
    keys = [key for key in ("share", "all_but") if key in split]
    if len(keys) != 1 or set(split) - {*keys, "seed"}:
        return f"the keys are {', '.join(split) or 'missing'}. {_FORMS}"
    if not 0 < split[keys[0]] < 1 or not _is_whole(split.get("seed", 0)):
        return f"{keys[0]} must lie between 0 and 1, and seed must be a whole number up to 2**53. {_FORMS}"
    return ""


def _is_whole(number: float) -> bool:
    """Whether a number is whole and small enough to tell it from the next one."""
    return float(number).is_integer() and abs(number) <= 2**53


Split = str | Annotated[dict[str, float], Form(malformed)]
"""`{share: 0.2, seed: 0}`, `{all_but: 0.2, seed: 0}`, or a list: a text file, or one that the format names."""


FileSplit = Split | Path
"""A split, or a text file."""


def chosen(names: Sequence[str], split: FileSplit | None, where: Path, suffix: str = "") -> list[str]:
    """Returns the names that belong to the dataset, in their given order.

    A share is drawn by a hash of each name: it does not depend on other images or on the order. With one number and
    seed, `share` and `all_but` have no name in common, and together all of them.

    Args:
        names: The images by name: their paths within the folder, with `/` between the parts; all different.
        split: The setting. None chooses all names.
        where: The folder or file of the images, for messages.
        suffix: End of the names that a text file may leave out, besides the suffix of the format.

    Raises:
        DataError: the setting is malformed, a share is empty, or a line of the text file names no image.

    Example:
        >>> names = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
        >>> chosen(names, {"share": 0.25}, Path()), chosen(names, {"all_but": 0.25}, Path())
        (['a.jpg'], ['b.jpg', 'c.jpg', 'd.jpg'])
    """
    if split is None:
        return list(names)
    if isinstance(split, str | Path):
        listed = _listed(dataset_path(split), _spellings(names, suffix), where)
        return [name for name in names if name in listed]
    if problem := malformed(split):
        raise DataError(f"split: {problem}")
    key = "share" if "share" in split else "all_but"
    if len(names) < 2:
        raise DataError(
            f"{where}: {len(names)} image cannot be divided into a part for training and one for "
            "validation. Add images."
        )
    # Neither part is empty, however small the share.
    count = min(max(round(split[key] * len(names)), 1), len(names) - 1)
    seed = int(split.get("seed", 0))
    drawn = set(sorted(names, key=lambda name: (_rank(name, seed), name))[:count])
    return [name for name in names if (name in drawn) == (key == "share")]


def _rank(name: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()


def _listed(file: Path, known: dict[str, str], where: Path) -> set[str]:
    """Returns the names that a text file lists; `known` has the name of each spelling."""
    line_of: dict[str, int] = {}
    problems = Problems(file)
    for number, line in enumerate(read_text(file, "a list of names").splitlines(), start=1):
        entry = line.strip()
        if not entry:
            continue
        # A list of pairs names the image first. A name may hold blanks, too.
        name = _find(entry, known) or _find(entry.split()[0], known)
        if name is None:
            near = suggest(entry, known) if problems.count < _SEARCHED and len(known) <= _MOST_NAMES else ""
            problems.add(f"line {number}: there is no image '{entry}' in {where}.{near} Correct or remove the line.")
        elif line_of.setdefault(name, number) != number:
            problems.add(f"line {number}: '{entry}' stands in line {line_of[name]} already. Remove one.")
    problems.raise_any()
    if not line_of:
        raise DataError(f"{file}: the list is empty. Write the name of an image on each line.")
    return set(line_of)


def _find(entry: str, known: dict[str, str]) -> str | None:
    """Returns the name that an entry means. Its first folders may be those that lead to the dataset."""
    parts = [part for part in PurePosixPath(entry.replace("\\", "/")).parts if part not in ("/", ".", "..")]
    candidates = ["/".join(parts[start:]) for start in range(len(parts))]
    # The names may lack the suffix that the list has.
    candidates += [str(PurePosixPath(candidate).with_suffix("")) for candidate in candidates]
    return next((known[candidate] for candidate in candidates if candidate in known), None)


def _spellings(names: Collection[str], suffix: str) -> dict[str, str]:
    """Returns what each image may be called: its path or its own name if only one has it, with or without its end."""
    whole = {spelling: name for name in names for spelling in _without_end(name, suffix)}
    short: dict[str, str] = {}
    ambiguous: set[str] = set()
    for spelling, name in whole.items():
        if short.setdefault(PurePosixPath(spelling).name, name) != name:
            ambiguous.add(PurePosixPath(spelling).name)
    return {spelling: name for spelling, name in short.items() if spelling not in ambiguous} | whole


def _without_end(name: str, suffix: str) -> set[str]:
    path = str(PurePosixPath(name).with_suffix(""))
    return {name, path, name.removesuffix(suffix), path.removesuffix(suffix)}
