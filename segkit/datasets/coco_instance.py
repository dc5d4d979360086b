"""The dataset `coco_instance`, for instance segmentation."""

import math
import pickle
from pathlib import Path

import torch
from torch import Tensor

from segkit.data.images import read_image
from segkit.data.json_values import Id, JsonEntry, as_area, as_flag, as_id
from segkit.data.paths import dataset_folder, dataset_path
from segkit.datasets._coco_json import CocoFile
from segkit.datasets._coco_masks import InvalidSegmentationError, Segmentation, read_segmentation
from segkit.datasets._coco_plausibility import Plausibility
from segkit.datasets._coco_segments import CocoSegments, Segment, make_segments
from segkit.errors import DataError
from segkit.ops.run_length import decode_masks
from segkit.registries import DATASETS, AnnotationCounts
from segkit.types import Sample, Size, Target


@DATASETS.register("coco_instance")
class CocoInstance:
    """Images with COCO instance annotations: a JSON file of polygons or run lengths, which may overlap.

    Samples follow the order of the images in the JSON file. Run lengths may be compressed or not. Polygons of fewer
    than three points are left out with a warning. Pixels outside all instances are background, not void: an image
    without annotations is valid everywhere and has N = 0. `area` and `iscrowd` are optional.

    Everything that the JSON file alone can tell is checked when the dataset is built, and all problems are listed.

    Args:
        images: Folder of the images. Relative paths lead to the folder `$SEGKIT_DATASETS`, or to ./datasets.
        annotations: The JSON file. Its categories, in its order, are the classes.

    Raises:
        DataError: a path does not exist, or the JSON file is incomplete or inconsistent.

    Example:
        >>> import json, tempfile
        >>> from PIL import Image
        >>> square = {"image_id": 1, "category_id": 7, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]], "area": 4}
        >>> content = {
        ...     "images": [{"id": 1, "file_name": "a.png", "height": 3, "width": 4}],
        ...     "annotations": [square],
        ...     "categories": [{"id": 7, "name": "cat"}],
        ... }
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("RGB", (4, 3)).save(f"{folder}/a.png")
        ...     _ = Path(folder, "a.json").write_text(json.dumps(content))
        ...     dataset = CocoInstance(images=folder, annotations=f"{folder}/a.json")
        ...     sample = dataset[0]
        >>> dataset.classes.names, sample.target.masks.sum().item()
        (('cat',), 4)
    """

    segments: CocoSegments
    """Labels, crowds and areas of all instances."""

    def __init__(self, *, images: str, annotations: str) -> None:
        self._images, self._file = dataset_folder(images), dataset_path(annotations)
        parsed = CocoFile(self._file, self._images, sizes=True, isthing=False)
        found = _read_annotations(parsed)
        parsed.problems.raise_any()
        self.classes = parsed.classes
        self._image_ids: list[Id] = [image.id for image in parsed.images]
        self._names: list[str] = [image.file_name for image in parsed.images]
        self._sizes: list[Size] = [image.size for image in parsed.images if image.size is not None]
        self.segments, order = make_segments([segment for segment, _ in found], len(self))
        self._packed = [
            _pack([found[place][1] for place in order[self.segments.of(index)]]) for index in range(len(self))
        ]

    def __len__(self) -> int:
        return len(self._image_ids)

    def __getitem__(self, index: int) -> Sample:
        """Reads one image and draws its masks.

        Raises:
            DataError: the image cannot be read or is of another size than the JSON file gives.
        """
        image_file = self._images / self._names[index]
        image = read_image(image_file)
        self._check_size(image, image_file, index)
        masks = self._masks(index)
        chosen = self.segments.of(index)
        target = Target(
            torch.from_numpy(self.segments.labels[chosen]),
            overlapping_masks=masks,
            is_crowd=torch.from_numpy(self.segments.is_crowd[chosen]),
            areas=torch.from_numpy(self.segments.areas_of(index, masks.sum((1, 2)).numpy())),
        )
        return Sample(image, target, str(image_file), self._image_ids[index])

    def annotation_counts(self, images: int) -> AnnotationCounts:
        """Counts the annotations of the first `images` images."""
        return self.segments.counts(images, len(self.classes))

    def _check_size(self, image: Tensor, image_file: Path, index: int) -> None:
        # Polygons have no size of their own: on an image of another size they would be wrong without an error.
        height, width = self._sizes[index]
        if tuple(image.shape[1:]) != (height, width):
            raise DataError(
                f"{image_file}: the image is {image.shape[2]}x{image.shape[1]} (upright), but {self._file} "
                f"gives {width}x{height}. Take both from one release, or scale the annotations with the image."
            )

    def _masks(self, index: int) -> Tensor:
        """Draws the masks (N, H, W) bool of an image."""
        segmentations: list[Segmentation] = pickle.loads(self._packed[index])
        return decode_masks([one.draw(self._sizes[index]) for one in segmentations], self._sizes[index])


def _read_annotations(parsed: CocoFile) -> list[tuple[Segment, Segmentation]]:
    """Reads all annotations. Problems are added to those of the file."""
    plausibility = Plausibility(parsed.file, parsed.problems)
    found = []
    for number, value in enumerate(parsed.annotations):
        entry = JsonEntry(value, f"annotations[{number}]", parsed.problems)
        if not entry.is_mapping:
            continue
        image, label = parsed.image_of(entry), parsed.label_of(entry)
        crowd = entry.optional("iscrowd", as_flag, False)
        area = entry.optional("area", as_area, math.nan)
        plausibility.add_id(entry, entry.optional("id", as_id, None))
        segmentation = _segmentation(entry, parsed, image)
        if image is None or label is None or segmentation is None:
            continue
        found.append((Segment(image, label, crowd, area), segmentation))
        size = parsed.images[image].size
        if size is not None:
            plausibility.add_mask(entry, segmentation, size, area)
    plausibility.finish()
    return found


def _segmentation(entry: JsonEntry, parsed: CocoFile, image: int | None) -> Segmentation | None:
    """Reads the mask of an annotation. Returns None where there is a problem."""
    value = entry.required("segmentation", lambda value: value)
    size = None if image is None else parsed.images[image].size
    if "segmentation" not in entry.values or image is None or size is None:
        return None
    try:
        return read_segmentation(value, size)
    except InvalidSegmentationError as error:
        entry.problem(
            f"'segmentation' of image {parsed.images[image].id} ({parsed.images[image].file_name}): {error}. Correct "
            f"it or remove the annotation."
        )
        return None


def _pack(segmentations: list[Segmentation]) -> bytes:
    """Packs the masks of an image into one object.

    As lists of numbers, those of a large dataset would fill the memory, and each loading worker would get a copy.
    """
    return pickle.dumps(segmentations, protocol=pickle.HIGHEST_PROTOCOL)
