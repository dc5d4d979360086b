"""A folder of images and a folder of label PNGs with the same names: the commonest form of semantic truth."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from segkit.classes import Classes
from segkit.data.class_list import check_classes, read_classes
from segkit.data.images import IMAGE_SUFFIXES, read_image, read_label_map
from segkit.data.paths import dataset_path
from segkit.errors import DataError
from segkit.registries import DATASETS
from segkit.types import NO_SEGMENT, Sample, Target

_UNKNOWN = -2

VOID = 255
"""The id of void in label maps, by convention."""


@DATASETS.register("mask_folder")
class MaskFolder:
    """Semantic truth, one segment per class present. `a.jpg` belongs to `a.png`; samples stand in the order of names.

    images: folder of the images, of any format (`segkit.data.paths.dataset_path` says where relative paths lead).
    labels: folder of the label PNGs, grey with 8 or 16 bits or palette, one id per pixel.
    classes: the names, or a file that lists them (`segkit.classes.read_classes`). The ids stored in the PNGs are
        those the file gives, otherwise 0, 1, 2, … in the order of the names.
    things: names of the countable classes; by default those the file flags, or none.
    label_map: stored id -> class name, class index, or `void`. Where it is given it is the whole map, and replaces the
        ids of the class list: `{"7": road, "8": sidewalk, "0": void}`.
    void: stored ids of unknown class; by default 255. They are left out of training and of evaluation.

    Any other id found in a PNG is an error, for nobody can tell whether it is a class or void.
    """

    def __init__(
        self,
        *,
        images: str,
        labels: str,
        classes: list[str] | str,
        things: list[str] | None = None,
        label_map: dict[str, int | str] | None = None,
        void: int | list[int] | None = None,
    ) -> None:
        self._pairs = _pair_up(dataset_path(images), dataset_path(labels))
        listed = _listed(classes, things)
        self.classes, self._class_of = _lookup(listed, label_map, void)

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Sample:
        """Raises DataError where a file cannot be read, sizes differ, or an id is neither class nor void."""
        image_file, label_file = self._pairs[index]
        image = read_image(image_file)
        stored = read_label_map(label_file)
        if tuple(image.shape[1:]) != stored.shape:
            raise DataError(
                f"{label_file}: the label map is {stored.shape[1]}x{stored.shape[0]}, but its image {image_file} "
                f"is {image.shape[2]}x{image.shape[1]} (upright). Give both one size."
            )
        return Sample(image, self.target_of(stored, label_file), str(image_file), image_file.stem)

    def target_of(self, stored: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], file: Path) -> Target:
        """One segment per class of a label map (H,W) as it is stored in `file`.

        Raises DataError for an id that stands for no class.
        """
        present = np.flatnonzero(np.bincount(stored.ravel()))
        unknown = present[self._class_of[present] == _UNKNOWN]
        if len(unknown):
            named = ", ".join(map(str, unknown[:10])) + (", …" if len(unknown) > 10 else "")
            ids = ", ".join(map(str, self.classes.ids[:5])) + (", …" if len(self.classes) > 5 else "")
            raise DataError(
                f"{file}: the ids {named} stand for no class. The {len(self.classes)} classes have the ids {ids}. "
                f"Name the others in 'void', or map all ids in 'label_map'."
            )
        labels = np.unique(self._class_of[present])
        labels = labels[labels >= 0]
        segment_of_class = np.full(len(self.classes) + 1, NO_SEGMENT, dtype=np.int16)  # its last entry is that of void
        segment_of_class[labels] = np.arange(len(labels))
        segment_of_id = segment_of_class[self._class_of[: present[-1] + 1]]
        segment_map = torch.from_numpy(segment_of_id.take(stored))  # (H, W)
        has_void = bool((self._class_of[present] == NO_SEGMENT).any())
        return Target(
            torch.from_numpy(labels.astype(np.int64)),
            segment_map=segment_map,
            valid=segment_map != NO_SEGMENT if has_void else None,
        )


def _pair_up(images: Path, labels: Path) -> list[tuple[Path, Path]]:
    """The image and label files that belong together, in the order of names."""
    by_stem: dict[str, Path] = {}
    for file in _files(images, IMAGE_SUFFIXES):
        if file.stem in by_stem:
            raise DataError(f"{file}: it and {by_stem[file.stem].name} would have the same label. Rename one.")
        by_stem[file.stem] = file
    if not by_stem:
        raise DataError(f"{images}: there is no image in this folder. Point 'images' at the folder of the images.")
    maps = {file.stem: file for file in _files(labels, frozenset({".png"}))}
    missing = [image.name for stem, image in by_stem.items() if stem not in maps]
    if missing:
        named = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise DataError(
            f"{labels}: there is no label PNG for {named} of {images}. Add PNGs of the same names, or take these "
            f"images out."
        )
    return [(image, maps[stem]) for stem, image in sorted(by_stem.items())]


def _files(folder: Path, extensions: frozenset[str]) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: this is a file, where a folder is needed.")
    return sorted(f for f in folder.iterdir() if f.suffix.lower() in extensions and not f.name.startswith("."))


def _listed(classes: list[str] | str, things: list[str] | None) -> Classes:
    """The class list as the settings give it."""
    if isinstance(classes, str):
        listed = read_classes(dataset_path(classes))
    else:
        listed = Classes.make(classes, [False] * len(classes))
        if not classes:
            raise DataError("classes: the list is empty. Name the classes, or a file that lists them.")
        check_classes(listed, "classes")
    if things is None:
        return listed
    countable = {listed.index(name) for name in things}
    flags = [index in countable for index in range(len(listed))]
    return Classes.make(listed.names, flags, list(listed.colors), list(listed.ids))


def _lookup(
    listed: Classes, label_map: dict[str, int | str] | None, void: int | list[int] | None
) -> tuple[Classes, npt.NDArray[np.int16]]:
    """The classes with the ids they are stored as, and the class of each stored id 0..65535.

    The table holds NO_SEGMENT for void and _UNKNOWN for ids that mean nothing.
    """
    class_of = {stored: index for index, stored in enumerate(listed.ids)}
    if label_map is not None:
        class_of = {_stored_id(stored): _class_index(stored, meant, listed) for stored, meant in label_map.items()}
    void_ids = [void] if isinstance(void, int) else void
    for stored in [VOID] if void_ids is None and VOID not in class_of else void_ids or []:
        if class_of.get(stored, NO_SEGMENT) != NO_SEGMENT:
            raise DataError(f"void: {stored} is the id of '{listed.names[class_of[stored]]}'. Take it out of 'void'.")
        class_of[stored] = NO_SEGMENT
    outside = sorted(stored for stored in class_of if not 0 <= stored <= 65535)
    if outside:
        raise DataError(
            f"void, label_map: the ids {', '.join(map(str, outside))} cannot stand in a label PNG (0..65535)."
        )
    table = np.full(65536, _UNKNOWN, dtype=np.int16)
    table[list(class_of)] = list(class_of.values())
    id_of = {index: stored for stored, index in reversed(class_of.items())}
    free = max(class_of, default=0) + 1  # classes that the map leaves out keep an id of their own
    ids = [id_of.get(index, free + index) for index in range(len(listed))]
    return Classes.make(listed.names, list(listed.things), list(listed.colors), ids), table


def _stored_id(written: str) -> int:
    try:
        return int(written)
    except ValueError:
        raise DataError(
            f"label_map: '{written}' is no id. Write the number that the PNGs hold, in quotes, as in '7': road."
        ) from None


def _class_index(stored: str, meant: int | str, listed: Classes) -> int:
    """The class index of one entry of the label map; NO_SEGMENT for void."""
    if isinstance(meant, str):
        return NO_SEGMENT if meant == "void" and meant not in listed.names else listed.index(meant)
    if not 0 <= meant < len(listed):
        raise DataError(
            f"label_map: id {stored} is mapped to class {meant}, but the classes are 0..{len(listed) - 1}. Use these, "
            f"class names, or void."
        )
    return meant
