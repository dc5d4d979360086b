"""The dataset `mask_folder`, for semantic segmentation."""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from segkit.data.label_maps import Ids, read_label_map
from segkit.data.paths import dataset_folder
from segkit.data.pixel_files import read_pixels
from segkit.data.problems import call_all
from segkit.datasets._id_offsets import explain_offset
from segkit.datasets._label_colors import Colors, ColorTable
from segkit.datasets._label_ids import (
    UNKNOWN,
    ClassNames,
    LabelMap,
    StoredId,
    class_index_table,
    class_list,
    ids_in_words,
    with_text_keys,
)
from segkit.datasets._pairing import Ends, check_size, pair_up
from segkit.datasets._split import FileSplit
from segkit.datasets._void_hints import explain_void
from segkit.errors import DataError, UnknownIdsError, join_first
from segkit.registries import DATASETS
from segkit.registries.signature import Positive
from segkit.types import NO_SEGMENT, PixelFormat, PixelType, Sample, Target

_COLORS = (
    "If they stand for classes, name them in 'colors', as in colors: {road: [128, 64, 128], void: [0, 0, 0]}, or set "
    "colors: true for those of the class file. Or replace each color by the id of its class."
)
"""What to do about label files that hold colors."""


@DATASETS.register("mask_folder")
class MaskFolder:
    """Images with label files: two folders of files with the same names, for semantic segmentation.

    `a.jpg` belongs to `a.png`, and `aachen/a.jpg` to `aachen/a.png`: files are looked for in all sub-folders. Samples
    follow the order of names. A target has one segment per class present. An id or color that is neither a class nor
    void is an error, because it may be a missing class or a missing void id. A warning names the files that are left
    out.

    Args:
        images: Folder of the images, in any format that Pillow reads, or in NumPy's `.npy` files (see
            `channels`). Relative paths lead to the folder `$SEGKIT_DATASETS`, or to ./datasets.
        labels: Folder of the label files, PNGs or others of a lossless format. Each pixel holds an id (grayscale with 8
            or 16 bits, or palette) or, with `colors`, a color.
        classes: The class names, or a file that lists them (`segkit.data.class_list.read_classes`). The ids in the
            label files are those of the file, or else 0, 1, 2, … in the order of the names.
        things: Names of the classes that are things. By default those that the file marks, or none.
        image_suffix: End of the names of images, such as `_leftImg8bit.png`. By default the suffix of any image format.
        label_suffix: End of the names of label files, such as `_gtFine_labelIds.png`. Files with another end are
            ignored. Images and label files may then lie in one folder.
        label_map: Id, range of ids or `default` -> class name, class index or `void`, as in
            `{0-6: void, 7: road, 26: car, default: void}`. Replaces the ids of the class list; `default` stands for all
            ids that are not named.
        colors: The label files hold colors. Name -> color or list of colors, as in
            `{road: [128, 64, 128], car: "#00008e", void: [0, 0, 0]}`; or a list of one color for each class; or `true`
            for the colors of the class file.
        void: Ids of void, by default those that the class file marks, or else 255 unless a class has it; `[]` for none.
            Their pixels are left out of training and evaluation.
        channels: Of the images. Three channels of uint8 are RGB, made of any image: gray and palette images become RGB,
            and 16 bits are scaled to 8. Of any other number or type, every file must hold just that: a `.npy` file of
            an array (height, width, channels), a TIFF file of so many bands, or another format of that many channels.
        pixel_type: Type of the pixels. Nothing is scaled where it is `uint16`, or where `channels` is not 3.
        split: Which of the images: a text file with one name per line; `{share: 0.2, seed: 0}` for a fifth of them; or
            `{all_but: 0.2, seed: 0}` for the others.

    Raises:
        DataError: a path does not exist, an image has no label file, or the settings contradict each other.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("images", "labels"):
        ...         Path(folder, name).mkdir()
        ...         Image.new("L", (4, 3), 1).save(Path(folder, name, "a.png"))
        ...     dataset = MaskFolder(images=f"{folder}/images", labels=f"{folder}/labels", classes=["road", "car"])
        ...     sample = dataset[0]
        >>> sample.image.shape, sample.target.labels.tolist()
        (torch.Size([3, 3, 4]), [1])
    """

    def __init__(
        self,
        *,
        images: str | Path,
        labels: str | Path,
        classes: ClassNames,
        things: list[str] | None = None,
        image_suffix: str = "",
        label_suffix: str = "",
        label_map: LabelMap | None = None,
        colors: Colors = False,
        void: StoredId | list[StoredId] | None = None,
        channels: Positive = 3,
        pixel_type: PixelType = "uint8",
        split: FileSplit | None = None,
    ) -> None:
        ends = Ends(image_suffix, label_suffix)
        image_folder, label_folder = call_all(partial(dataset_folder, one) for one in (images, labels))
        self.pixel_format = PixelFormat(channels, pixel_type)
        self._pairs = pair_up(image_folder, label_folder, ends, split, self.pixel_format)
        self._colors: ColorTable | None = None
        self._label_map = None if label_map is None else with_text_keys(label_map)
        if colors is False:
            listed = class_list(classes, things, mapped=label_map is not None)
            self.classes, self._class_index_of = class_index_table(listed, label_map, void)
            return
        _check_colors(classes, colors, label_map, void)
        self._colors = ColorTable(class_list(classes, things), colors)
        self.classes, self._class_index_of = self._colors.classes, self._colors.class_indices

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Sample:
        """Reads one image and its label file.

        Raises:
            DataError: a file cannot be read, sizes differ, or an id is neither a class nor void.
        """
        pair = self._pairs[index]
        image, stored = read_pixels(pair.image, self.pixel_format), self._read(pair.label)
        check_size(image, stored.shape, pair)
        return Sample(image, self.target_of(stored, pair.label), str(pair.image), pair.name)

    def _read(self, label_file: Path) -> Ids:
        """Reads the ids (H, W) of a label file; where it holds colors, their places in the table."""
        if self._colors is not None:
            return self._colors.read(label_file)
        return read_label_map(label_file, _COLORS)

    def target_of(self, stored: Ids, file: Path) -> Target:
        """Makes one segment per class of a label map.

        Args:
            stored: (H, W) ids.
            file: The label file, for messages.

        Raises:
            DataError: an id is neither a class nor void.
        """
        present = np.flatnonzero(np.bincount(stored.ravel()))
        unknown = present[self._class_index_of[present] == UNKNOWN]
        if len(unknown):
            raise UnknownIdsError(
                f"{file}: the ids {join_first(unknown.tolist())} are neither a class nor void. "
                f"{ids_in_words(self.classes, self._class_index_of)} Name the others in 'void', or map all ids in "
                f"'label_map'."
            )
        labels = np.unique(self._class_index_of[present])
        labels = labels[labels >= 0]
        segment_of_class = np.full(len(self.classes) + 1, NO_SEGMENT, dtype=np.int16)  # the last entry is that of void
        segment_of_class[labels] = np.arange(len(labels))
        # One lookup per pixel: ids -> class indices -> segments are composed into one table first.
        segment_of_id = segment_of_class[self._class_index_of[: present[-1] + 1]]
        segment_map = torch.from_numpy(segment_of_id.take(stored))  # (H, W)
        has_void = bool((self._class_index_of[present] == NO_SEGMENT).any())
        return Target(
            torch.from_numpy(labels.astype(np.int64)),
            segment_map=segment_map,
            valid=segment_map != NO_SEGMENT if has_void else None,
        )

    def stored_ids(self, index: int) -> npt.NDArray[np.int64]:
        """Counts the pixels of each id in the label file of a sample, without reading its image.

        Returns:
            (65536,) number of pixels by id.

        Raises:
            DataError: the file cannot be read.
        """
        return np.bincount(self._read(self._pairs[index].label).ravel(), minlength=len(self._class_index_of))

    def explain(self, pixels: npt.NDArray[np.int64]) -> str:
        """Says how classes that never occur may follow from ids that count as void, or from ids that are off by one.

        Args:
            pixels: (65536,) number of pixels by id, the sum of `stored_ids` over samples.

        Returns:
            A warning in words, empty where nothing is odd, or where the label files hold colors.
        """
        if self._colors is not None:
            return ""
        found = self.classes, self._class_index_of, pixels
        void = explain_void(*found, self._label_map)
        offset = "" if self._label_map else explain_offset(*found)  # whoever maps ids has looked at them
        return f"{void} Or: {offset}" if void and offset else void or offset


def _check_colors(classes: object, colors: Colors, label_map: object, void: object) -> None:
    """Refuses settings that have no meaning where label files hold colors."""
    for name, value in (("label_map", label_map), ("void", void)):
        if value is not None:
            raise DataError(
                f"{name}: label files with 'colors' hold no ids. Remove '{name}', and name the colors of void in "
                f"'colors' under void."
            )
    if colors is True and not isinstance(classes, str | Path):
        raise DataError(
            "colors: 'true' means the colors of the class file, but 'classes' is a list of names. Name the colors, as "
            "in {road: [128, 64, 128]}, or name a file with colors in 'classes'."
        )
