"""The dataset `coco_instance`, for instance segmentation."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from segkit.data.json_values import JsonEntry, as_area, as_flag, as_id
from segkit.data.paths import dataset_folder, dataset_path
from segkit.data.problems import Problems, call_all
from segkit.datasets._class_choice import ClassChoice
from segkit.datasets._coco_categories import LEFT_OUT
from segkit.datasets._coco_exports import Boxes, warn_of_partial_annotation
from segkit.datasets._coco_json import CocoFile
from segkit.datasets._coco_masks import read_segmentation
from segkit.datasets._image_files import warn_of_unlisted
from segkit.datasets._instances import AnnotatedImage, Instance, InstanceDataset, read_annotated
from segkit.datasets._masks import InvalidSegmentationError, Polygons, RunLengths
from segkit.datasets._plausibility import Plausibility
from segkit.datasets._same_classes import same_classes
from segkit.datasets._segments import Segment, Segments, select
from segkit.datasets._split import FileSplit, chosen
from segkit.errors import DataError, counted
from segkit.registries import DATASETS


@DATASETS.register("coco_instance")
class CocoInstance(InstanceDataset):
    """Images with COCO instance annotations: JSON files of polygons or run lengths, which may overlap.

    Samples follow the order of the images in the JSON files. Run lengths may be compressed or not. Pixels outside all
    instances are background, not void: an image without annotations is valid everywhere and has N = 0. `area`,
    `iscrowd` and `info` are optional.

    Files are read as annotation tools export them. Left out with a warning are objects with a box but no mask, polygons
    of fewer than three points, and categories without objects that stand above others or say background. LVIS files are
    read too: `coco_url` then gives the file name, and what is not annotated is background.

    Everything that the JSON files alone can tell is checked when the dataset is built, and all problems are listed.

    Args:
        images: Folder of the images. Relative paths lead to the folder `$SEGKIT_DATASETS`, or to ./datasets.
        annotations: The JSON file, or several with the same classes.
        classes: Which categories are the classes: a list of names in their order, or a mapping that also renames and
            merges, as in `{person: pedestrian, vehicle: [car, truck]}`. Objects of other categories are left out. By
            default all categories, in the order of the file.
        split: Which of the images: a text file with one name per line; `{share: 0.2, seed: 0}` for a fifth of them; or
            `{all_but: 0.2, seed: 0}` for the others.

    Raises:
        DataError: a path does not exist, or a JSON file is incomplete or inconsistent.

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

    segments: Segments
    """Labels, crowds and areas of all instances."""

    def __init__(
        self,
        *,
        images: str | Path,
        annotations: str | Path | Sequence[str | Path],
        classes: ClassChoice | None = None,
        split: FileSplit | None = None,
    ) -> None:
        listed_files = [annotations] if isinstance(annotations, str | Path) else annotations
        folder, *files = call_all(
            [partial(dataset_folder, images), *(partial(dataset_path, file) for file in listed_files)]
        )
        if not files:
            raise DataError("annotations: the list is empty. Name a JSON file.")
        problems = Problems(files[0])
        read = [_read_file(file, folder, problems.of(file), classes) for file in files]
        problems.leave_unread(
            partial(read_annotated, AnnotatedImage(folder / image.file_name, image.id, image.size, parsed.file))
            for parsed, _ in read
            for image in parsed.images_there()
        )
        problems.raise_any()
        listed, found = _joined(read, folder)
        warn_of_unlisted(folder, [image.file_name for parsed, _ in read for image in parsed.images], files)
        if split is not None:
            names = [image.file.relative_to(folder).as_posix() for image in listed]
            wanted = set(chosen(list(dict.fromkeys(names)), split, folder))
            listed, found = select(listed, found, [place for place, name in enumerate(names) if name in wanted])
        super().__init__(read[0][0].classes, listed, found)


def _read_file(
    file: Path, folder: Path, problems: Problems, choice: ClassChoice | None
) -> tuple[CocoFile, list[Instance]]:
    """Reads a JSON file. Problems are added to `problems`."""
    parsed = CocoFile(file, folder, problems, sizes=True, isthing=False, choice=choice)
    warn_of_partial_annotation(file, parsed.image_entries)
    return parsed, _read_annotations(parsed)


def _read_annotations(parsed: CocoFile) -> list[Instance]:
    plausibility, boxes = Plausibility(parsed.file, parsed.problems), Boxes(parsed.file, parsed.problems)
    found: list[Instance] = []
    with_masks = 0
    for number, value in enumerate(parsed.annotations):
        entry = JsonEntry(value, f"annotations[{number}]", parsed.problems)
        if not entry.is_mapping:
            continue
        image, label = parsed.image_of(entry), parsed.label_of(entry)
        crowd = entry.optional("iscrowd", as_flag, False)
        area = entry.optional("area", as_area, math.nan)
        plausibility.add_id(entry, entry.optional("id", as_id, None))
        if label == LEFT_OUT or boxes.has(entry):
            continue
        with_masks += 1
        segmentation = _segmentation(entry, parsed, image)
        if image is None or label is None or segmentation is None:
            continue
        found.append((Segment(image, label, crowd, area), segmentation))
        size = parsed.images[image].size
        if size is not None:
            plausibility.add_mask(entry, segmentation, size, area)
        plausibility.add_instance(entry, *found[-1])
    boxes.finish(with_masks)
    plausibility.finish()
    return found


def _segmentation(entry: JsonEntry, parsed: CocoFile, image: int | None) -> Polygons | RunLengths | None:
    """Reads the mask of an annotation. Returns None where there is a problem."""
    value = entry.required("segmentation", lambda value: value)
    if "segmentation" not in entry.values:
        return None
    # Where the image or its size is wrong, a wrong mask is told as well.
    known = None if image is None else parsed.images[image]
    try:
        return read_segmentation(value, None if known is None else known.size)
    except InvalidSegmentationError as error:
        of_image = "" if known is None else f" of image {known.id} ({known.file_name})"
        entry.problem(f"'segmentation'{of_image}: {error}. Correct it or remove the annotation.")
        return None


def _joined(
    read: Sequence[tuple[CocoFile, list[Instance]]], folder: Path
) -> tuple[list[AnnotatedImage], list[Instance]]:
    """Joins the images and instances of several files."""
    first = read[0][0]
    ids = [image.id for parsed, _ in read for image in parsed.images]
    # Files of one dataset may count their images anew.
    repeated = len(set(ids)) < len(ids)
    listed: list[AnnotatedImage] = []
    instances: list[Instance] = []
    for number, (parsed, found) in enumerate(read, start=1):
        places, start = (str(first.file), str(parsed.file)), len(listed)
        order = same_classes(first.classes, parsed.classes, places, "Choose common ones in 'classes'.")
        listed += [
            AnnotatedImage(
                folder / image.file_name, f"{number}/{image.id}" if repeated else image.id, image.size, parsed.file
            )
            for image in parsed.images
        ]
        instances += [
            (replace(segment, image=start + segment.image, label=order[segment.label]), mask) for segment, mask in found
        ]
    _warn_of_repeated(read)
    return listed, instances


def _warn_of_repeated(read: Sequence[tuple[CocoFile, list[Instance]]]) -> None:
    """Warns of images that several files list, and of files that are named twice."""
    file_of: dict[str, Path] = {}
    for parsed, _ in read:
        names = [image.file_name for image in parsed.images]
        repeated = [name for name in names if name in file_of]
        if repeated and file_of[repeated[0]].samefile(parsed.file):
            warnings.warn(
                f"{parsed.file}: 'annotations' names this file twice, so its {counted(names, 'image')} are read "
                "twice. "
                f"Remove one of both.",
                stacklevel=4,
            )
        elif repeated:
            others = file_of[repeated[0]]
            warnings.warn(
                f"{parsed.file}: {len(repeated)} of its {len(names)} images are also listed in {others}, "
                f"such as "
                f"{repeated[0]}. What only one file annotates is background in the other.",
                stacklevel=4,
            )
        file_of |= dict.fromkeys(names, parsed.file)
