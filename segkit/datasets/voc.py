"""The dataset `voc`, for semantic and instance segmentation."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from segkit.classes import Classes
from segkit.data.colors import voc_colors
from segkit.data.images import read_image
from segkit.data.label_maps import holds_colors, read_color_map, read_label_map
from segkit.data.paths import dataset_folder
from segkit.datasets._id_offsets import explain_offset
from segkit.datasets._label_colors import ColorTable
from segkit.datasets._label_ids import IDS, UNKNOWN, ClassNames, class_index_table, class_list
from segkit.datasets._pairing import Pair, check_size
from segkit.datasets._split import Split
from segkit.datasets._voc_folders import CLASS_MASKS, listed
from segkit.errors import DataError, UnknownIdsError, join_first
from segkit.ops.runs import run_lengths, run_starts
from segkit.registries import DATASETS
from segkit.types import NO_SEGMENT, Sample, Target

NAMES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""The classes of Pascal VOC, in the order of their ids."""

BACKGROUND = "background"

_VOID_COLOR = (224, 224, 192)
"""Of the borders between objects: the color of id 255 in the palette of VOC."""

CLASS_FILE = "labelmap.txt"
"""CVAT writes the classes and their colors here."""


_VOID: dict[str, object] = {"void": list(_VOID_COLOR)}

_VOID_CODES = [224 + 256 * 224 + 65536 * 192, 0xFFFFFF]
"""The colors of void in masks of objects: that of the palette, and white where id 255 is gray."""


@DATASETS.register("voc")
class Voc:
    """Images with the masks of Pascal VOC, and of tools that export in its layout, such as CVAT.

    The folder holds `JPEGImages`, `SegmentationClass`, `SegmentationObject` for instances, and the lists of names in
    `ImageSets/Segmentation`. Masks hold ids (palette or gray) or the colors of the classes. The border between objects,
    id 255 or RGB (224, 224, 192), is void.

    Args:
        folder: The folder, such as `VOCdevkit/VOC2012`. Relative paths lead to `$SEGKIT_DATASETS`, or to ./datasets.
        split: The name of a list of names, such as `train`, `val` or `trainval`; `{share: 0.2, seed: 0}` for a fifth
            of the names in all lists but `test`; or `{all_but: 0.2, seed: 0}` for the others.
        classes: The class names in the order of their ids, with `background` as the first, or a file that lists them.
            By default those of `labelmap.txt` in the folder, or else the classes of Pascal VOC.
        instances: Read instances from `SegmentationObject`. The class of each is the most frequent one of its pixels in
            `SegmentationClass`. `background` is then no class.

    Raises:
        DataError: a folder or list does not exist, or an image of the list lacks a file. The message names all of them.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        ...         Path(folder, name).mkdir(parents=True)
        ...     _ = Path(folder, "ImageSets/Segmentation/val.txt").write_text("a")
        ...     Image.new("RGB", (4, 3)).save(f"{folder}/JPEGImages/a.jpg")
        ...     Image.new("L", (4, 3), 12).save(f"{folder}/SegmentationClass/a.png")
        ...     dataset = Voc(folder=folder, split="val")
        ...     sample = dataset[0]
        >>> [dataset.classes.names[label] for label in sample.target.labels]
        ['dog']
    """

    def __init__(
        self, *, folder: str | Path, split: Split, classes: ClassNames | None = None, instances: bool = False
    ) -> None:
        root = dataset_folder(folder)
        self._pairs, self._objects = listed(root, split, instances)
        stored = _classes(root, classes)
        self._colors = ColorTable(stored, {**dict(zip(stored.names, map(list, stored.colors), strict=True)), **_VOID})
        _, self._class_index_of = class_index_table(stored, None, None)
        self._stored, self.classes = stored, _objects_of(stored) if instances else stored

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Sample:
        """Reads one image and its masks.

        Raises:
            DataError: a file cannot be read, sizes differ, or an id or color is no class.
        """
        pair = self._pairs[index]
        image, class_map = read_image(pair.image), self._class_map(pair.label)
        check_size(image, class_map.shape, pair)
        if not self._objects:
            return Sample(image, _semantic(class_map, len(self.classes)), str(pair.image), pair.name)
        objects = read_color_map(self._objects[index])
        check_size(image, objects.shape, Pair(pair.name, pair.image, self._objects[index]))
        target = self._instances(objects, class_map, self._objects[index])
        return Sample(image, target, str(pair.image), pair.name)

    def _class_map(self, file: Path) -> npt.NDArray[np.int16]:
        """Reads the class index (H, W) of each pixel, NO_SEGMENT for void."""
        if holds_colors(file):
            return self._colors.class_indices[self._colors.read(file)]
        class_map = self._class_index_of[read_label_map(file)]
        unknown = class_map == UNKNOWN
        if unknown.any():
            ids = np.unique(read_label_map(file)[unknown])
            raise UnknownIdsError(
                f"{file}: the ids {join_first(ids.tolist())} are neither a class nor void (255). The classes are "
                f"0..{len(self._stored) - 1}: check 'classes'."
            )
        return class_map

    def _instances(self, objects: npt.NDArray[np.int32], class_map: npt.NDArray[np.int16], file: Path) -> Target:
        """Makes one segment per object, of the class that most of its pixels have."""
        index_of = np.array([_index(self.classes, name) for name in (*self._stored.names, None)])  # the last is void
        flat, labels = objects.ravel(), index_of[class_map.ravel()]  # class index without background, NO_SEGMENT
        # Neighboring pixels mostly agree: counting runs is much faster than counting pixels.
        starts = run_starts(flat, labels)
        lengths = run_lengths(starts, flat.size)
        codes, number = np.unique(flat[starts], return_inverse=True)  # (U,)
        known = labels[starts] >= 0
        count = len(self.classes)
        pixels_of = np.bincount(
            number[known] * count + labels[starts][known], weights=lengths[known], minlength=len(codes) * count
        ).reshape(len(codes), count)
        is_void = np.isin(codes, _VOID_CODES)
        is_object = ~is_void & (codes != 0)
        lost = int((is_object & (pixels_of.sum(1) == 0)).sum())
        if lost:
            raise DataError(
                f"{file}: {lost} of {int(is_object.sum())} objects have no class in {CLASS_MASKS}. Take both masks "
                f"from one release."
            )
        segment_of = np.full(len(codes), NO_SEGMENT, dtype=np.int16)
        segment_of[is_object] = np.arange(is_object.sum())
        valid = np.repeat(~is_void[number], lengths).reshape(objects.shape)
        return Target(
            torch.from_numpy(pixels_of[is_object].argmax(1)),
            segment_map=torch.from_numpy(np.repeat(segment_of[number], lengths).reshape(objects.shape)),
            valid=None if valid.all() else torch.from_numpy(valid),
        )

    def stored_ids(self, index: int) -> npt.NDArray[np.int64]:
        """Counts the pixels of each id in the class mask of a sample. A mask of colors holds none.

        Returns:
            (65536,) number of pixels by id.

        Raises:
            DataError: the file cannot be read.
        """
        file = self._pairs[index].label
        if holds_colors(file):
            return np.zeros(IDS, dtype=np.int64)
        return np.bincount(read_label_map(file).ravel(), minlength=IDS)

    def explain(self, pixels: npt.NDArray[np.int64]) -> str:
        """Says that the ids in the class masks seem to be off by one, as where `classes` leaves out background.

        Args:
            pixels: (65536,) number of pixels by id, the sum of `stored_ids` over samples.

        Returns:
            A warning in words, empty where nothing is odd.
        """
        if (self._stored.ids[0], self._stored.names[0]) == (0, BACKGROUND):  # as the format has it
            return ""
        return explain_offset(self._stored, self._class_index_of, pixels, _names_from)


def _names_from(classes: Classes, first: int) -> str:
    """Writes the setting `classes` of masks that count the classes from `first`, 0 or 1."""
    return f"classes: [{', '.join([*([BACKGROUND] if first else []), *classes.names])}]"


def _index(classes: Classes, name: str | None) -> int:
    return classes.names.index(name) if name in classes.names else NO_SEGMENT


def _semantic(class_map: npt.NDArray[np.int16], num_classes: int) -> Target:
    """Makes one segment per class present."""
    counts = np.bincount(class_map.ravel() + 1, minlength=num_classes + 1)  # the first is that of void
    labels = np.flatnonzero(counts[1:])
    segment_of = np.full(num_classes + 1, NO_SEGMENT, dtype=np.int16)  # NO_SEGMENT = -1 indexes the last entry
    segment_of[labels] = np.arange(len(labels))
    segment_map = torch.from_numpy(segment_of[class_map])
    return Target(
        torch.from_numpy(labels),
        segment_map=segment_map,
        valid=segment_map != NO_SEGMENT if counts[0] else None,
    )


def _objects_of(classes: Classes) -> Classes:
    """Returns the classes of instances: all but background."""
    kept = [place for place, name in enumerate(classes.names) if name != BACKGROUND]
    return Classes.make(
        [classes.names[place] for place in kept],
        None,
        [classes.colors[place] for place in kept],
        [classes.ids[place] for place in kept],
    )


def _classes(root: Path, classes: ClassNames | None) -> Classes:
    """Returns the classes in the order of their ids, background included, with the colors of the masks."""
    file = root / CLASS_FILE
    if classes is None and file.is_file():
        classes = str(file)
    names = class_list(list(NAMES) if classes is None else classes, None)
    colors = names.colors if isinstance(classes, str | Path) else voc_colors(len(names))
    things = [name != BACKGROUND for name in names.names]
    return Classes.make(names.names, things, colors, names.ids)
