"""The dataset `instance_folder`, for instance segmentation."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from segkit.classes import Classes
from segkit.data.label_maps import read_color_map, read_label_map
from segkit.data.paths import dataset_folder
from segkit.data.pixel_files import read_pixels
from segkit.data.problems import call_all
from segkit.datasets._id_offsets import explain_offset, label_map_from
from segkit.datasets._label_ids import (
    BACKGROUND,
    IDS,
    UNKNOWN,
    ClassNames,
    LabelMap,
    StoredId,
    class_index_table,
    class_list,
    ids_in_words,
)
from segkit.datasets._pairing import Ends, Pair, check_size, pair_up
from segkit.datasets._split import FileSplit
from segkit.errors import DataError, UnknownIdsError, join_first
from segkit.ops.runs import run_lengths, run_starts
from segkit.registries import DATASETS
from segkit.registries.signature import Positive
from segkit.types import NO_SEGMENT, PixelFormat, PixelType, Sample, Target

Encoding = Literal["one_class", "thousands", "channels"]

Codes = npt.NDArray[np.int32]
"""(U,) values of a label file, each once."""


@DATASETS.register("instance_folder")
class InstanceFolder:
    """Images with label files of instances: two folders of files with the same names.

    `a.jpg` belongs to `a.png`, and `aachen/a.jpg` to `aachen/a.png`: files are looked for in all sub-folders. Samples
    follow the order of names. Pixels outside all instances are background, not void.

    What a pixel holds is told by `encoding`:

    * `one_class`: the number of its instance, 0 for background. There is one class.
    * `thousands`: 1000 times the id of its class, plus the number of its instance, as in Cityscapes' `instanceIds.png`.
      A value below 1000 is the id of a class alone: a stuff segment, or a crowd where the class is a thing.
    * `channels`: red is the id of its class, green the number of its instance, as in ADE20K's instance files.

    Args:
        images: Folder of the images. Relative paths lead to the folder `$SEGKIT_DATASETS`, or to ./datasets.
        labels: Folder of the label files, PNGs or others of a lossless format.
        classes: The class names, or a file that lists them (`segkit.data.class_list.read_classes`). The ids are those
            of the file, or else 1, 2, 3, … in the order of the names; 0 is background unless a class has it.
        things: Names of the classes that are things. By default those that the file marks, or all.
        encoding: How a pixel names its instance and class; see above.
        image_suffix: End of the names of images, such as `_leftImg8bit.png`. By default the suffix of any image format.
        label_suffix: End of the names of label files, such as `_gtFine_instanceIds.png`. Files with another end are
            ignored. Images and label files may then lie in one folder.
        label_map: Id, range of ids or `default` -> class name, class index, `void` or `background`, as in
            `{24: person, 26: car, default: background}`. Replaces the ids of the class list.
        void: Ids of void, by default those that the class file marks, or none. Their pixels are left out of training
            and evaluation.
        channels: Of the images, as for `mask_folder`: three channels of uint8 are RGB, made of any image; of any other
            number or type, every file must hold just that.
        pixel_type: Type of the pixels. Nothing is scaled where it is `uint16`, or where `channels` is not 3.
        split: Which of the images: a text file with one name per line; `{share: 0.2, seed: 0}` for a fifth of them; or
            `{all_but: 0.2, seed: 0}` for the others.

    Raises:
        DataError: a path does not exist, an image has no label file, or the settings contradict each other.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("images", "masks"):
        ...         Path(folder, name).mkdir()
        ...         Image.frombytes("L", (4, 1), bytes([0, 1, 2, 2])).save(Path(folder, name, "a.png"))
        ...     dataset = InstanceFolder(images=f"{folder}/images", labels=f"{folder}/masks", classes=["person"])
        ...     sample = dataset[0]
        >>> sample.target.labels.tolist(), sample.target.segment_map.tolist()
        ([0, 0], [[-1, 0, 1, 1]])
    """

    def __init__(
        self,
        *,
        images: str | Path,
        labels: str | Path,
        classes: ClassNames,
        things: list[str] | None = None,
        encoding: Encoding = "one_class",
        image_suffix: str = "",
        label_suffix: str = "",
        label_map: LabelMap | None = None,
        void: StoredId | list[StoredId] | None = None,
        channels: Positive = 3,
        pixel_type: PixelType = "uint8",
        split: FileSplit | None = None,
    ) -> None:
        ends = Ends(image_suffix, label_suffix)
        image_folder, label_folder = call_all(partial(dataset_folder, one) for one in (images, labels))
        self.pixel_format = PixelFormat(channels, pixel_type)
        self._pairs = pair_up(image_folder, label_folder, ends, split, self.pixel_format)
        self._encoding = encoding
        self._explains = encoding != "one_class" and not label_map  # whoever maps the ids has looked at them
        listed = _with_things(
            class_list(classes, things, first_id=1, mapped=label_map is not None or encoding == "one_class")
        )
        if encoding == "one_class":
            _check_one_class(listed, label_map)
            label_map = {"0": "background", "default": 0}
        self.classes, self._class_index_of = class_index_table(listed, label_map, void, background=True)

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Sample:
        """Reads one image and its label file.

        Raises:
            DataError: a file cannot be read, sizes differ, or an id is no class, void or background.
        """
        pair = self._pairs[index]
        image, stored = read_pixels(pair.image, self.pixel_format), self._read(pair)
        check_size(image, stored.shape, pair)
        return Sample(image, self._target(stored, pair), str(pair.image), pair.name)

    def _read(self, pair: Pair) -> Codes:
        """Reads the values (H, W) of a label file; of several channels, red + 256 green."""
        if self._encoding != "channels":
            return read_label_map(pair.label).astype(np.int32)
        stored = read_color_map(pair.label)
        if (stored >= IDS).any():
            raise DataError(
                f"{pair.label}: the blue channel is not 0. Red must be the class and green the instance: check "
                f"'encoding' and the files."
            )
        return stored

    def _target(self, stored: Codes, pair: Pair) -> Target:
        flat = stored.ravel()
        # Neighboring pixels mostly share their value: looking up one per run is much faster than one per pixel.
        starts = run_starts(flat)
        codes, place_of_run = np.unique(flat[starts], return_inverse=True)  # (U,)
        labels = self._labels(codes, pair)
        is_group = self._is_group(codes, labels)
        # All codes of a group (stuff, or a crowd) are one segment; -1 - label is different from all other codes.
        keys = np.where(is_group, -1 - labels.astype(np.int64), codes)
        known = labels >= 0
        segments, first, number = np.unique(keys[known], return_index=True, return_inverse=True)  # (N,)
        segment_of = np.full(len(codes), NO_SEGMENT, dtype=np.int16)
        segment_of[known] = number
        segment_map = np.repeat(segment_of[place_of_run], run_lengths(starts, flat.size)).reshape(stored.shape)
        found = labels[known][first].astype(np.int64)  # (N,)
        void = np.repeat((labels == NO_SEGMENT)[place_of_run], run_lengths(starts, flat.size)).reshape(stored.shape)
        is_crowd = (segments < 0) & np.array(self.classes.things)[found]
        return Target(
            torch.from_numpy(found),
            segment_map=torch.from_numpy(segment_map),
            valid=torch.from_numpy(~void) if void.any() else None,
            is_crowd=torch.from_numpy(is_crowd),
        )

    def _labels(self, codes: Codes, pair: Pair) -> npt.NDArray[np.int16]:
        """Returns the class index (U,) of each value, NO_SEGMENT for void, BACKGROUND for background."""
        ids = self._class_ids(codes)
        labels: npt.NDArray[np.int16] = self._class_index_of[ids]
        unknown = np.unique(ids[labels == UNKNOWN])
        if len(unknown):
            raise UnknownIdsError(
                f"{pair.label}: the class ids {join_first(unknown.tolist())} are neither a class nor void nor "
                f"background. {ids_in_words(self.classes, self._class_index_of)} Map all ids in 'label_map', such "
                "as with default: background, or check 'encoding'."
            )
        return labels

    def _class_ids(self, codes: Codes) -> Codes:
        """Returns the id of the class (U,) of each value; where there is one class, the value itself."""
        if self._encoding == "channels":
            return codes & 255
        if self._encoding == "thousands":
            return np.where(codes >= 1000, codes // 1000, codes)
        return codes

    def stored_ids(self, index: int) -> npt.NDArray[np.int64]:
        """Counts the pixels of each class id in the label file of a sample. Pixels of the value 0 may be background.

        Returns:
            (65536,) number of pixels by id, without those of background.

        Raises:
            DataError: the file cannot be read.
        """
        codes, counts = np.unique(self._read(self._pairs[index]), return_counts=True)
        counts[(codes == 0) & (self._class_index_of[0] == BACKGROUND)] = 0
        return np.bincount(self._class_ids(codes), weights=counts, minlength=IDS).astype(np.int64)

    def explain(self, pixels: npt.NDArray[np.int64]) -> str:
        """Says that the ids of classes in the label files seem to be off by one.

        Args:
            pixels: (65536,) number of pixels by id, the sum of `stored_ids` over samples.

        Returns:
            A warning in words, empty where nothing is odd, where `label_map` says what the ids mean, or where the label
            files hold no ids of classes.
        """
        if not self._explains:
            return ""
        return explain_offset(self.classes, self._class_index_of, pixels, _label_map_from)

    def _is_group(self, codes: Codes, labels: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
        """Returns whether values (U,) stand for all pixels of a class rather than for one instance."""
        is_stuff = ~np.array(self.classes.things)[labels.clip(0)]
        is_group = is_stuff | ((codes < 1000) if self._encoding == "thousands" else False)
        return np.asarray(is_group & (labels >= 0))


def _label_map_from(classes: Classes, first: int) -> str:
    return label_map_from(classes, first, zero="background")


def _with_things(classes: Classes) -> Classes:
    """Returns the classes as things, unless some are marked."""
    return classes if any(classes.things) else replace(classes, things=(True,) * len(classes))


def _check_one_class(classes: Classes, label_map: LabelMap | None) -> None:
    if len(classes) > 1:
        raise DataError(
            f"classes: label files with encoding: one_class hold one class, but {len(classes)} are listed. Name one, "
            "or set encoding: thousands or encoding: channels if the files hold classes."
        )
    if label_map is not None:
        raise DataError(
            "label_map: label files with encoding: one_class hold no class ids. Remove it, or set another encoding."
        )
