"""The dataset `coco_panoptic`, for panoptic and semantic segmentation."""

import math
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from segkit.data.images import read_image, read_panoptic_map
from segkit.data.json_values import (
    Id,
    JsonEntry,
    NotThisError,
    as_area,
    as_flag,
    as_integer,
    as_list,
    as_text,
)
from segkit.data.paths import dataset_folder, dataset_path
from segkit.data.problems import Problems, call_all
from segkit.datasets._coco_json import CocoFile
from segkit.datasets._image_files import ListedFiles, warn_of_unlisted
from segkit.datasets._plausibility import areas_disagree
from segkit.datasets._segments import Segment, Segments, make_segments, select
from segkit.datasets._split import FileSplit, chosen
from segkit.errors import DataError, counted, join_first
from segkit.ops.lookup import places_in
from segkit.ops.runs import run_lengths, run_starts
from segkit.registries import DATASETS, AnnotationCounts
from segkit.types import NO_SEGMENT, Sample, Target

_IDS = 2**24
"""Number of segment ids that the 24 bits of an RGB pixel can hold. 0 is void."""

_Found = tuple[Segment, int]
"""What the JSON file says of a segment, and its id in the PNG."""


@DATASETS.register("coco_panoptic")
class CocoPanoptic:
    """Images with COCO panoptic annotations: a JSON file, and a PNG of segment ids per image.

    Each pixel belongs to one segment, of a thing or of stuff, or is void. Void is left out of training and evaluation.
    An image without annotation is void everywhere. Samples follow the order of the images in the JSON file. `area` and
    `iscrowd` of segments are optional.

    Everything that the JSON file alone can tell is checked when the dataset is built, and all problems are listed.

    Args:
        images: Folder of the images. Relative paths lead to the folder `$SEGKIT_DATASETS`, or to ./datasets.
        annotations: The JSON file. Its categories, in its order, are the classes.
        masks: Folder of the PNGs. A pixel's segment id is R + 256 G + 65536 B, 0 = void.
        semantic: Merge all segments of a class, crowds included, into one, for semantic segmentation.
        split: Which of the images: a text file with one name per line; `{share: 0.2, seed: 0}` for a fifth of them; or
            `{all_but: 0.2, seed: 0}` for the others.

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

    segments: Segments
    """Labels, crowds and areas of all segments."""

    def __init__(
        self,
        *,
        images: str | Path,
        annotations: str | Path,
        masks: str | Path,
        semantic: bool = False,
        split: FileSplit | None = None,
    ) -> None:
        self._images, self._file, self._masks = call_all(
            [partial(dataset_folder, images), partial(dataset_path, annotations), partial(dataset_folder, masks)]
        )
        self._semantic = semantic
        parsed = CocoFile(self._file, self._images, Problems(self._file), sizes=False, isthing=True)
        found, self._mask_names = _read_annotations(parsed, self._masks)
        images_there = [self._images / image.file_name for image in parsed.images_there()]
        parsed.problems.leave_unread(partial(read_image, file) for file in images_there)
        parsed.problems.raise_any()
        self.classes = parsed.classes
        listed = parsed.images
        self._warn_of_unlisted([image.file_name for image in listed], list(filter(None, self._mask_names)))
        if split is not None:
            wanted = set(chosen([image.file_name for image in listed], split, self._images))
            kept = [place for place, image in enumerate(listed) if image.file_name in wanted]
            self._mask_names = [self._mask_names[place] for place in kept]
            listed, found = select(listed, found, kept)
        self._image_ids: list[Id] = [image.id for image in listed]
        self._names: list[str] = [image.file_name for image in listed]
        self.segments, order = make_segments([segment for segment, _ in found], len(self))
        self._ids = np.array([id for _, id in found], dtype=np.int64)[order]
        self._has_warned = False

    def _warn_of_unlisted(self, images: Sequence[str], masks: Sequence[str]) -> None:
        together = self._images == self._masks
        warn_of_unlisted(self._images, images, [self._file], masks if together else ())
        if not together:
            warn_of_unlisted(self._masks, masks, [self._file])

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

    def annotation_counts(self, images: int) -> AnnotationCounts:
        """Counts the segments of the first `images` images."""
        return self.segments.counts(images, len(self.classes), merged=self._semantic)

    def _target(self, image: Tensor, image_file: Path, index: int) -> Target:
        chosen = self.segments.of(index)
        labels = self.segments.labels[chosen]
        is_crowd = torch.from_numpy(self.segments.is_crowd[chosen])
        mask_name = self._mask_names[index]
        mask_file = self._masks / (mask_name or "")
        if mask_name is None:
            stored = np.zeros(image.shape[1:], dtype=np.int32)
        else:
            stored = self._stored(mask_file, image, image_file)
        segment_map, pixels = segment_map_of(stored, self._ids[chosen], f"{mask_file}", f"{self._file}")
        areas = self.segments.areas_of(index, pixels)
        self._compare_areas(areas, pixels, mask_file, self._ids[chosen])
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

    def _compare_areas(
        self, areas: npt.NDArray[np.float32], pixels: npt.NDArray[np.int64], mask_file: Path, ids: npt.NDArray[np.int64]
    ) -> None:
        """Warns once, at the first image whose areas and segments differ by orders of magnitude."""
        if self._has_warned or np.array_equal(areas, pixels):
            return
        for id, area, count in zip(ids.tolist(), areas.tolist(), pixels.tolist(), strict=True):
            if areas_disagree(area, count):
                self._has_warned = True
                warnings.warn(
                    f"{self._file}: 'area' of segment {id} is {area:g}, but the segment has {counted(count, 'pixel')} "
                    "in "
                    f"{mask_file}. Take both from one release, or leave out 'area' to count the pixels. Other segments "
                    f"are not compared.",
                    stacklevel=3,
                )
                return

    def _stored(self, mask_file: Path, image: Tensor, image_file: Path) -> npt.NDArray[np.int32]:
        """Reads the segment ids (H, W) of a PNG."""
        stored = read_panoptic_map(mask_file)
        if tuple(image.shape[1:]) != stored.shape:
            raise DataError(
                f"{mask_file}: the panoptic map is {stored.shape[1]}x{stored.shape[0]}, but its image {image_file} "
                f"is {image.shape[2]}x{image.shape[1]} (upright). Give both one size."
            )
        return stored


def _read_annotations(parsed: CocoFile, masks: Path) -> tuple[list[_Found], list[str | None]]:
    """Reads all annotations. Problems are added to those of the file.

    Returns:
        The segments, and the PNG of each image, None where the image has no annotation.
    """
    mask_names: list[str | None] = [None] * len(parsed.images)
    found: list[_Found] = []
    files = ListedFiles(masks, "masks", parsed.problems)
    for number, value in enumerate(parsed.annotations):
        place = f"annotations[{number}]"
        entry = JsonEntry(value, place, parsed.problems)
        if not entry.is_mapping:
            continue
        image, name = parsed.image_of(entry), entry.required("file_name", as_text)
        listed = entry.required("segments_info", as_list)
        if name is not None:
            files.add(entry, "file_name", name)
        if image is not None and mask_names[image] is not None:
            entry.problem(f"image {parsed.images[image].id} has another annotation, '{mask_names[image]}'. Keep one.")
        elif image is not None:
            mask_names[image] = name
        found += _read_segments(parsed, image, listed or [], f"{place}.segments_info")
    files.check()
    names = [None if name is None else files.name_of(name) for name in mask_names]
    parsed.problems.leave_unread(
        partial(read_panoptic_map, masks / name) for name in names if name is not None and files.is_there(name)
    )
    return found, names


def _read_segments(parsed: CocoFile, image: int | None, listed: list[object], place: str) -> list[_Found]:
    """Reads the segments of one annotation."""
    number_of: dict[int, int] = {}
    found: list[_Found] = []
    for number, value in enumerate(listed):
        entry = JsonEntry(value, f"{place}[{number}]", parsed.problems)
        if not entry.is_mapping:
            continue
        id, label = entry.required("id", _as_segment_id), parsed.label_of(entry)
        crowd = entry.optional("iscrowd", as_flag, False)
        area = entry.optional("area", as_area, math.nan)
        if id is not None and number_of.setdefault(id, number) != number:
            entry.problem(f"segments_info[{number_of[id]}] has the same id. Give each segment its own id.")
        if id is not None and label is not None and image is not None:
            found.append((Segment(image, label, crowd, area), id))
    return found


def _as_segment_id(value: object) -> int:
    id = as_integer(value)
    if not 0 < id < _IDS:
        raise NotThisError(f"a number from 1 to {_IDS - 1}: a PNG holds it as R + 256 G + 65536 B, and 0 is void")
    return id


def segment_map_of(
    stored: npt.NDArray[np.int32], ids: npt.NDArray[np.int64], mask_file: str, file: str
) -> tuple[npt.NDArray[np.int16 | np.int32], npt.NDArray[np.int64]]:
    """Replaces each stored segment id by its place in `ids`.

    Args:
        stored: (H, W) segment ids of a PNG, 0 = void.
        ids: (N,) segment ids of the JSON file.
        mask_file: The PNG, for messages.
        file: The JSON file, for messages.

    Returns:
        (H, W) int16, or int32 where N needs it: index 0..N-1, or NO_SEGMENT; and (N,) the pixels of each segment.

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
    lengths = run_lengths(starts, flat.size)
    pixels = np.bincount(place, weights=lengths, minlength=len(with_void))[:-1].astype(np.int64)
    absent = ids[pixels == 0]
    problems = []
    if len(unknown):
        problems.append(f"it holds the segment ids {join_first(unknown.tolist())}, which {file} does not list")
    if len(absent):
        problems.append(f"it lacks the segment ids {join_first(sorted(absent.tolist()))}, which {file} lists")
    if problems:
        raise DataError(
            f"{mask_file}: {', and '.join(problems)}. Take both from one release, or correct the one that is wrong."
        )
    segment_map: npt.NDArray[np.int16 | np.int32] = np.repeat(number[place], lengths)
    return segment_map.reshape(stored.shape), pixels
