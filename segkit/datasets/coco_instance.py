"""COCO's instance format: a JSON file with polygons or run lengths, which may overlap."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pycocotools import mask as coco_mask
from torch import Tensor

from segkit.data.images import read_image
from segkit.data.paths import dataset_folder, dataset_path
from segkit.datasets._coco_json import ID, NUMBER, SEGMENTATION, TEXT, WHOLE, read_coco
from segkit.datasets._coco_segments import make_segments
from segkit.errors import DataError
from segkit.ops.run_length import Rle, decode_masks, unpacked_runs
from segkit.registries import DATASETS
from segkit.types import Sample, Size, Target


@DATASETS.register("coco_instance")
class CocoInstance:
    """COCO's instance format: a JSON file with polygons or run lengths, which may overlap.

    Samples follow the order of the images in the JSON file. Run lengths may be compressed or not. Polygons of fewer
    than three points are ignored. Pixels outside all instances are background, not void: an image without annotations
    is valid everywhere and has N = 0.

    Args:
        images: folder of the images. Relative paths lead to the folder `$SEGKIT_DATASETS`, or to ./datasets.
        annotations: the JSON file. Its categories, in its order, are the classes.

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

    def __init__(self, *, images: str, annotations: str) -> None:
        self._images, self._file = dataset_folder(images), dataset_path(annotations)
        parsed = read_coco(
            self._file,
            image={"id": ID, "file_name": TEXT, "height": WHOLE, "width": WHOLE},
            annotation={"image_id": ID, "category_id": WHOLE, "segmentation": SEGMENTATION, "area": NUMBER},
            category={"id": WHOLE, "name": TEXT},
        )
        self.classes = parsed.classes
        self._image_ids: list[int | str] = [image["id"] for image in parsed.images]
        self._names: list[str] = [image["file_name"] for image in parsed.images]
        self._sizes: list[Size] = [(image["height"], image["width"]) for image in parsed.images]
        self._segments = make_segments(parsed, parsed.annotations, self._names)
        self._packed = [_pack([entry["segmentation"] for entry in entries]) for entries in parsed.annotations]

    def __len__(self) -> int:
        return len(self._image_ids)

    def __getitem__(self, index: int) -> Sample:
        """Reads one image and draws its masks.

        Raises:
            DataError: the image cannot be read or is of another size than the JSON file gives, or a segmentation is
                invalid.
        """
        image_file = self._images / self._names[index]
        image = read_image(image_file)
        self._check_size(image, image_file, index)
        chosen = self._segments.of(index)
        target = Target(
            torch.from_numpy(self._segments.labels[chosen]),
            overlapping_masks=self._masks(index),
            is_crowd=torch.from_numpy(self._segments.is_crowd[chosen]),
            areas=torch.from_numpy(self._segments.areas[chosen]),
        )
        return Sample(image, target, str(image_file), self._image_ids[index])

    def _check_size(self, image: Tensor, image_file: Path, index: int) -> None:
        # Polygons have no size of their own: on an image of another size they would be wrong without an error.
        height, width = self._sizes[index]
        if tuple(image.shape[1:]) != (height, width):
            raise DataError(
                f"{image_file}: the image is {image.shape[2]}x{image.shape[1]} (upright), but {self._file} "
                f"gives {width}x{height}. Take both from one release, or scale the annotations with the image."
            )

    def _masks(self, index: int) -> Tensor:
        """Returns the masks (N, H, W) bool of an image."""
        size = self._sizes[index]
        rles = []
        for number, segmentation in enumerate(pickle.loads(self._packed[index])):
            try:
                rles.append(_to_rle(segmentation, size))
            except (ValueError, TypeError, KeyError, OverflowError) as error:
                raise DataError(
                    f"{self._file}: annotation {number + 1} of image {self._image_ids[index]} ({self._names[index]}) "
                    f"has an invalid segmentation: {error}. Correct it or remove it."
                ) from None
        return decode_masks(rles, size)


def _pack(segmentations: list[Any]) -> bytes:
    """Packs the segmentations of an image into one object.

    As lists of numbers, those of a large dataset would fill the memory, and each loading worker would get a copy.
    """
    return pickle.dumps(segmentations, protocol=pickle.HIGHEST_PROTOCOL)


def _to_rle(segmentation: Any, size: Size) -> Rle:
    """Converts polygons or run lengths to compressed run lengths.

    Raises:
        ValueError, TypeError: the segmentation is no mask of `size`. The message says why.
    """
    if isinstance(segmentation, dict):
        return _checked_rle(segmentation, size)
    if not segmentation:
        raise ValueError("the list of polygons is empty")
    polygons = [np.asarray(polygon, dtype=np.float64) for polygon in segmentation]
    for polygon in polygons:
        if polygon.ndim != 1 or len(polygon) % 2:
            raise ValueError("a polygon is not a flat list x1, y1, x2, y2, …")
        if not np.isfinite(polygon).all():
            raise ValueError("a polygon has a coordinate that is not a number")
    drawn = [polygon.tolist() for polygon in polygons if len(polygon) >= 6]  # three points are six numbers
    if not drawn:
        raise ValueError("no polygon has three points")
    merged: Rle = coco_mask.merge(coco_mask.frPyObjects(drawn, *size))
    return merged


def _checked_rle(rle: dict[str, Any], size: Size) -> Rle:
    """Checks run lengths and compresses them.

    pycocotools does not check them: runs that do not fill the image would give arbitrary masks.

    Raises:
        ValueError, TypeError: the run lengths do not fill the image.
    """
    if "counts" not in rle or "size" not in rle:
        raise ValueError("run lengths need 'size' and 'counts'")
    if rle["size"] != list(size):
        raise ValueError(f"the run lengths are of size {rle['size']}, but the image is {list(size)} (height, width)")
    counts, pixels = rle["counts"], size[0] * size[1]
    if not counts:
        raise ValueError("the run lengths are empty")
    runs = unpacked_runs(counts) if isinstance(counts, str) else np.array(counts, dtype=np.int64)
    if runs is None:
        raise ValueError("the compressed run lengths are broken")
    if runs.min() < 0:
        raise ValueError("a run length is negative")
    if runs.sum() != pixels:
        raise ValueError(f"the run lengths add up to {runs.sum()} pixels, but the image has {pixels}")
    if isinstance(counts, str):
        return {"size": rle["size"], "counts": counts}
    packed: Rle = coco_mask.frPyObjects(rle, *size)
    return packed
