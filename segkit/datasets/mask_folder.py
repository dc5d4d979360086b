"""A folder of images and a folder of label PNGs, for semantic segmentation."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from segkit.data.images import IMAGE_SUFFIXES, read_image, read_label_map
from segkit.data.paths import dataset_folder
from segkit.datasets._label_ids import UNKNOWN, class_index_table, class_list
from segkit.errors import DataError, join_first
from segkit.registries import DATASETS
from segkit.types import NO_SEGMENT, Sample, Target


@DATASETS.register("mask_folder")
class MaskFolder:
    """A folder of images and a folder of label PNGs, for semantic segmentation.

    `a.jpg` belongs to `a.png`. Samples follow the order of names. A target has one segment per class present. An id
    that is neither a class nor void is an error, since nobody can tell which of both it should be.

    Args:
        images: folder of the images, in any format. Relative paths lead to the folder `$SEGKIT_DATASETS`, or to
            ./datasets.
        labels: folder of the label PNGs, grayscale with 8 or 16 bits or palette, one id per pixel.
        classes: the class names, or a file that lists them (`segkit.data.class_list.read_classes`). The ids in the
            PNGs are those of the file, or else 0, 1, 2, … in the order of the names.
        things: names of the classes that are things. By default those that the file marks, or none.
        label_map: id in the PNGs -> class name, class index, or `void`, as in
            `{"7": road, "8": sidewalk, "0": void}`. Replaces the ids of the class list.
        void: ids of void, by default 255. Their pixels are left out of training and evaluation.

    Raises:
        DataError: a path does not exist, an image has no PNG, or the settings contradict each other.

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
        images: str,
        labels: str,
        classes: list[str] | str,
        things: list[str] | None = None,
        label_map: dict[str, int | str] | None = None,
        void: int | list[int] | None = None,
    ) -> None:
        self._pairs = _pair_up(dataset_folder(images), dataset_folder(labels))
        self.classes, self._class_index_of = class_index_table(class_list(classes, things), label_map, void)

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Sample:
        """Reads one image and its PNG.

        Raises:
            DataError: a file cannot be read, sizes differ, or an id is neither a class nor void.
        """
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
        """Makes one segment per class of a label map.

        Args:
            stored: (H, W) ids.
            file: the label PNG, for messages.

        Raises:
            DataError: an id is neither a class nor void.
        """
        present = np.flatnonzero(np.bincount(stored.ravel()))
        unknown = present[self._class_index_of[present] == UNKNOWN]
        if len(unknown):
            raise DataError(
                f"{file}: the ids {join_first(unknown.tolist())} are neither a class nor void. The "
                f"{len(self.classes)} classes have the ids {join_first(self.classes.ids, limit=5)}. Name the others in "
                f"'void', or map all ids in 'label_map'."
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


def _pair_up(images: Path, labels: Path) -> list[tuple[Path, Path]]:
    """Returns each image with its label PNG, in the order of names."""
    image_of: dict[str, Path] = {}
    for file in _files(images, IMAGE_SUFFIXES):
        if file.stem in image_of:
            raise DataError(f"{file}: this image and {image_of[file.stem].name} have the same label PNG. Rename one.")
        image_of[file.stem] = file
    if not image_of:
        raise DataError(f"{images}: there are no images in this folder. Point 'images' at the folder of the images.")
    label_of = {file.stem: file for file in _files(labels, frozenset({".png"}))}
    missing = [image.name for stem, image in image_of.items() if stem not in label_of]
    if missing:
        named = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise DataError(
            f"{labels}: there is no label PNG for {named} of {images}. Add PNGs of the same names, or remove these "
            f"images."
        )
    return [(image, label_of[stem]) for stem, image in sorted(image_of.items())]


def _files(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    # macOS leaves hidden files such as `._a.jpg`, which are no images.
    return sorted(f for f in folder.iterdir() if f.suffix.lower() in suffixes and not f.name.startswith("."))
