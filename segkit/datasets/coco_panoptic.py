"""COCO's panoptic format: a JSON file, and for each image a PNG of segment ids."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from segkit.data.images import read_image, read_panoptic_map
from segkit.data.paths import dataset_folder, dataset_path
from segkit.datasets._coco_json import (
    FLAG,
    ID,
    LIST,
    NUMBER,
    TEXT,
    WHOLE,
    CocoFile,
    Entry,
    check_entries,
    read_coco,
)
from segkit.datasets._coco_segments import make_segments
from segkit.errors import DataError, join_first
from segkit.ops.lookup import places_in
from segkit.ops.runs import run_lengths, run_starts
from segkit.registries import DATASETS
from segkit.types import NO_SEGMENT, Sample, Target

_IDS = 2**24
"""Number of segment ids that the 24 bits of an RGB pixel can hold. 0 is void."""


@DATASETS.register("coco_panoptic")
class CocoPanoptic:
    """COCO's panoptic format: a JSON file, and for each image a PNG of segment ids.

    Each pixel belongs to one segment, of a thing or of stuff, or is void. Void is left out of training and evaluation.
    An image without annotation is void everywhere. Samples follow the order of the images in the JSON file.

    Args:
        images: folder of the images. Relative paths lead to the folder `$SEGKIT_DATASETS`, or to ./datasets.
        annotations: the JSON file. Its categories, in its order, are the classes.
        masks: folder of the PNGs. A pixel's segment id is R + 256 G + 65536 B, 0 = void.
        semantic: merge all segments of a class, crowds included, into one, for semantic segmentation.

    Raises:
        DataError: a path does not exist, or the JSON file is incomplete or inconsistent.

    Example:
        >>> import json, tempfile
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> sky = {"id": 5, "category_id": 7, "area": 12}
        >>> content = {
        ...     "images": [{"id": 1, "file_name": "a.png"}],
        ...     "annotations": [{"image_id": 1, "file_name": "map.png", "segments_info": [sky]}],
        ...     "categories": [{"id": 7, "name": "sky", "isthing": 0}],
        ... }
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("RGB", (4, 3)).save(f"{folder}/a.png")
        ...     Image.new("RGB", (4, 3), (5, 0, 0)).save(f"{folder}/map.png")
        ...     _ = Path(folder, "a.json").write_text(json.dumps(content))
        ...     dataset = CocoPanoptic(images=folder, annotations=f"{folder}/a.json", masks=folder)
        ...     sample = dataset[0]
        >>> dataset.classes.names, sample.target.segment_map.tolist()[0]
        (('sky',), [0, 0, 0, 0])
    """

    def __init__(self, *, images: str, annotations: str, masks: str, semantic: bool = False) -> None:
        self._images, self._file, self._masks = dataset_folder(images), dataset_path(annotations), dataset_folder(masks)
        self._semantic = semantic
        parsed = read_coco(
            self._file,
            image={"id": ID, "file_name": TEXT},
            annotation={"image_id": ID, "file_name": TEXT, "segments_info": LIST},
            category={"id": WHOLE, "name": TEXT, "isthing": FLAG},
        )
        self.classes = parsed.classes
        self._image_ids: list[int | str] = [image["id"] for image in parsed.images]
        self._names: list[str] = [image["file_name"] for image in parsed.images]
        self._mask_names = _mask_names(parsed)
        per_image = [_segments_info(parsed, index) for index in range(len(self))]
        self._segments = make_segments(
            parsed, per_image, [str(self._masks / (name or "")) for name in self._mask_names]
        )
        self._ids = np.array([entry["id"] for entries in per_image for entry in entries], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._image_ids)

    def __getitem__(self, index: int) -> Sample:
        """Reads one image and its PNG.

        Raises:
            DataError: a file cannot be read, sizes differ, or the segment ids of PNG and JSON file differ.
        """
        image_file = self._images / self._names[index]
        image = read_image(image_file)
        return Sample(image, self._target(image, image_file, index), str(image_file), self._image_ids[index])

    def _target(self, image: Tensor, image_file: Path, index: int) -> Target:
        chosen = self._segments.of(index)
        labels, areas = self._segments.labels[chosen], self._segments.areas[chosen]
        is_crowd = torch.from_numpy(self._segments.is_crowd[chosen])
        mask_name = self._mask_names[index]
        if mask_name is None:
            stored = np.zeros(image.shape[1:], dtype=np.int32)
        else:
            stored = self._stored(self._masks / mask_name, image, image_file)
        segment_map = segment_map_of(stored, self._ids[chosen], f"{self._masks / (mask_name or '')}", f"{self._file}")
        if self._semantic:
            labels, merged = np.unique(labels, return_inverse=True)
            areas = np.bincount(merged, weights=areas, minlength=len(labels)).astype(np.float32)
            number = np.append(merged, NO_SEGMENT)  # NO_SEGMENT = -1 indexes the last entry
            segment_map = number.astype(segment_map.dtype)[segment_map]
        valid = segment_map != NO_SEGMENT
        return Target(
            torch.from_numpy(labels),
            segment_map=torch.from_numpy(segment_map),
            valid=None if valid.all() else torch.from_numpy(valid),
            is_crowd=None if self._semantic else is_crowd,
            areas=torch.from_numpy(areas),
        )

    def _stored(self, mask_file: Path, image: Tensor, image_file: Path) -> npt.NDArray[np.int32]:
        """Reads the segment ids (H, W) of a PNG."""
        stored = read_panoptic_map(mask_file)
        if tuple(image.shape[1:]) != stored.shape:
            raise DataError(
                f"{mask_file}: the panoptic map is {stored.shape[1]}x{stored.shape[0]}, but its image {image_file} "
                f"is {image.shape[2]}x{image.shape[1]} (upright). Give both one size."
            )
        return stored


def _mask_names(parsed: CocoFile) -> list[str | None]:
    """Returns the PNG of each image, None where the image has no annotation."""
    for image, annotations in zip(parsed.images, parsed.annotations, strict=True):
        if len(annotations) > 1:
            raise DataError(
                f"{parsed.file}: image {image['id']} has several annotations: "
                f"{', '.join(entry['file_name'] for entry in annotations)}. Keep one of them."
            )
    return [annotations[0]["file_name"] if annotations else None for annotations in parsed.annotations]


def _segments_info(parsed: CocoFile, index: int) -> list[Entry]:
    """Returns the entries of an image's segments, checked."""
    entries: list[Entry] = [entry for annotation in parsed.annotations[index] for entry in annotation["segments_info"]]
    image_id = parsed.images[index]["id"]
    required = {"id": WHOLE, "category_id": WHOLE, "area": NUMBER}
    check_entries(entries, required, f"{parsed.file}: image {image_id}: segments_info")
    ids = {entry["id"] for entry in entries}
    outside = [segment for segment in ids if not 0 < segment < _IDS]
    if outside:
        raise DataError(
            f"{parsed.file}: image {image_id} has the segment ids {join_first(sorted(outside))}, which no PNG can "
            f"hold as R + 256 G + 65536 B; 0 is void. Use 1..{_IDS - 1}."
        )
    if len(ids) < len(entries):
        repeated = {segment for segment in ids if sum(entry["id"] == segment for entry in entries) > 1}
        raise DataError(
            f"{parsed.file}: image {image_id} has several segments of the ids {join_first(sorted(repeated))}. Give "
            f"each segment its own id."
        )
    return entries


def segment_map_of(
    stored: npt.NDArray[np.int32], ids: npt.NDArray[np.int64], mask_file: str, file: str
) -> npt.NDArray[np.int16 | np.int32]:
    """Replaces each stored segment id by its place in `ids`.

    Args:
        stored: (H, W) segment ids of a PNG, 0 = void.
        ids: (N,) segment ids of the JSON file.
        mask_file: the PNG, for messages.
        file: the JSON file, for messages.

    Returns:
        (H, W) int16, or int32 where N needs it: index 0..N-1, or NO_SEGMENT.

    Raises:
        DataError: PNG and JSON file hold different ids.
    """
    with_void = np.append(ids, 0).astype(np.int32)
    dtype = np.int16 if len(ids) <= np.iinfo(np.int16).max else np.int32
    number = np.append(np.arange(len(ids)), NO_SEGMENT).astype(dtype)
    flat = stored.ravel()
    # Neighboring pixels mostly share their id: looking up one id per run is much faster than one per pixel.
    starts = run_starts(flat)
    values = flat[starts]  # (R,)
    place, known = places_in(with_void, values)
    unknown = np.unique(values[~known])
    absent = ids[np.bincount(place, minlength=len(with_void))[:-1] == 0]
    problems = []
    if len(unknown):
        problems.append(f"it holds the segment ids {join_first(unknown.tolist())}, which {file} does not list")
    if len(absent):
        problems.append(f"it lacks the segment ids {join_first(sorted(absent.tolist()))}, which {file} lists")
    if problems:
        raise DataError(
            f"{mask_file}: {', and '.join(problems)}. Take both from one release, or correct the one that is wrong."
        )
    segment_map: npt.NDArray[np.int16 | np.int32] = np.repeat(number[place], run_lengths(starts, flat.size))
    return segment_map.reshape(stored.shape)
