"""Finds the label files of a folder: which belong to which images, and in which sub-folders they lie."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from os.path import commonpath
from pathlib import Path

import numpy as np

from segkit.data.formats import label_suffixes
from segkit.data.listing import Listing
from segkit.data.opening import opened
from segkit.datasets._proposal import are_of_one_part, part_in, without_part
from segkit.datasets._unpaired import root_of
from segkit.errors import DataError

_LOOKED_AT = 5
"""Files of a set that are opened to see whether they are images or label files."""

_MOST_EDGES = 0.35
"""In a label file, fewer neighbors than this fraction differ. In photographs, most do."""

_LABEL_WORDS = re.compile(r"label|mask|annot|seg|gt|ids|instance|color", re.IGNORECASE)

Pair = tuple[Path, Path]
"""An image and its label file."""


@dataclass
class LabelSet:
    """Label files that lie alike: in one folder, or in one for each part of the images."""

    images: str
    """The folder of the images, without what differs between their parts."""
    image_end: str
    label_end: str
    """The ends of the names; both empty where image and label file have one name."""
    folders: dict[str, Pair] = field(default_factory=dict)
    """Part of the images (`train`, `val`, `test` or empty) -> the folders of images and label files."""
    pairs: dict[str, list[Pair]] = field(default_factory=lambda: defaultdict(list))
    """Part of the images -> its pairs."""

    @property
    def every_pair(self) -> list[Pair]:
        """The pairs of all parts."""
        return [pair for pairs in self.pairs.values() for pair in pairs]

    @property
    def where(self) -> str:
        """The folder of the label files, with the end of their names, in words."""
        folder = next(iter(self.folders.values()))[1]
        return f"{folder} (*{self.label_end})" if self.label_end else str(folder)


def label_sets(found: Listing, suffixes: Collection[str] | None = None) -> list[LabelSet]:
    """Returns the sets of label files in a folder, the largest first; none if no image has one.

    Args:
        found: Everything in the folder.
        suffixes: Of label files; by default those of lossless formats.
    """
    suffixes = label_suffixes() if suffixes is None else suffixes
    sets: dict[tuple[str, ...], LabelSet] = {}
    for image, label, root in _candidates(found, suffixes):
        ends = (image.name[len(root) :], label.name[len(root) :])
        folders = _apart(image.parent, label.parent, found.folder)
        if image.stem == label.stem and folders[0] != folders[1]:
            ends = ("", "")
        names = [found.name_of(folder) for folder in folders]
        part = part_in(names[0])
        patterns = tuple(map(without_part, names))
        one = sets.setdefault((*patterns, *ends), LabelSet(patterns[0], *ends))
        one.folders.setdefault(part, folders)
        one.pairs[part].append((image, label))
    largest = max((len(one.every_pair) for one in sets.values()), default=0)
    # A few names may begin alike by chance.
    large = [one for one in sets.values() if 2 * len(one.every_pair) >= largest]
    return sorted(map(_narrowed, _with_labels(large, suffixes)), key=lambda one: -len(one.every_pair))


def edges(files: Sequence[Path]) -> float:
    """Returns the fraction of neighbors in a row that differ, over some of the files."""
    values = [_edges(file) for file in _some(files)]
    return float(np.mean(values)) if values else 0.0


def _candidates(found: Listing, suffixes: Collection[str]) -> Iterator[tuple[Path, Path, str]]:
    """Yields images with files that may be their labels, and what both names begin with.

    Names may repeat in the parts of the images: `images/val/1.jpg` does not belong to `labels/train/1.png`.
    """
    named: dict[str, list[Path]] = defaultdict(list)
    for file in found.images:
        if file.suffix.lower() in suffixes:
            ends = [match.start() for match in re.finditer(r"[-_. ]", file.stem)]
            for begin in {file.stem[:end].lower() for end in (*ends, len(file.stem))}:
                named[begin].append(file)
    for image in found.images:
        for root in dict.fromkeys((image.stem, root_of(image))):
            for label in named.get(root.lower(), ()):
                if label == image or (root != image.stem and label.stem.lower().startswith(image.stem.lower())):
                    continue
                if are_of_one_part(*(file.parent.relative_to(found.folder) for file in (image, label))):
                    yield image, label, root


def _apart(image: Path, label: Path, top: Path) -> Pair:
    """Returns the folders within which an image and its label file have one path, down to the part of the images."""
    first, second = image.relative_to(top).parts, label.relative_to(top).parts
    same = 0
    while same < min(len(first), len(second)) and first[-1 - same] == second[-1 - same]:
        same += 1
    rest = first[len(first) - same :]
    # `train/aachen` stays as `train`.
    kept = next((number + 1 for number, name in enumerate(rest) if part_in(name)), 0)
    cut = same - kept
    return (
        top.joinpath(*first[: len(first) - cut]),
        top.joinpath(*second[: len(second) - cut]),
    )


def _with_labels(sets: Sequence[LabelSet], suffixes: Collection[str]) -> list[LabelSet]:
    """Returns the sets whose label files look so, all of the images that look most like photographs."""
    looks = [tuple(edges([pair[place] for pair in one.every_pair]) for place in (0, 1)) for one in sets]
    no_labels = [one.every_pair[0][0].suffix.lower() not in suffixes for one in sets]
    named = [tuple(bool(_LABEL_WORDS.search(name)) for name in _own_names(one)) for one in sets]
    numbers = range(len(sets))
    best = max(numbers, key=lambda number: (no_labels[number], not named[number][0], looks[number][0]), default=None)
    if best is None:
        return []
    return [
        sets[number]
        for number in numbers
        if sets[number].images == sets[best].images
        and looks[number][1] < _MOST_EDGES
        and (no_labels[number] or looks[number][1] < looks[number][0] or named[number] == (False, True))
    ]


def _own_names(one: LabelSet) -> tuple[str, str]:
    """Returns what tells images and label files apart: their folders below the common one, and the ends of names."""
    folders = next(iter(one.folders.values()))
    common = commonpath(folders)
    image, label = (folder.relative_to(common).as_posix() for folder in folders)
    return f"{image} {one.image_end}", f"{label} {one.label_end}"


def _narrowed(one: LabelSet) -> LabelSet:
    """Points a set of images and label files in one folder at the folder itself, not at one above it."""
    for part, (images, labels) in one.folders.items():
        if images == labels:
            common = Path(commonpath([file.parent for pair in one.pairs[part] for file in pair]))
            one.folders[part] = (common, common)
    return one


def _some(files: Sequence[Path]) -> Iterable[Path]:
    return files[:: max(1, len(files) // _LOOKED_AT)][:_LOOKED_AT]


def _edges(file: Path) -> float:
    """Returns the fraction of neighbors in a row that differ; 1 for a file that cannot be read."""
    try:
        with opened(file) as image:
            values = np.asarray(image if image.mode in ("P", "L", "I;16", "I") else image.convert("RGB"))
    except DataError:
        return 1.0
    differ = values[:, 1:] != values[:, :-1]
    return float((differ.any(-1) if differ.ndim == 3 else differ).mean()) if differ.size else 0.0
