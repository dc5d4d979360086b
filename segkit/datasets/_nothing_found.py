"""What to tell a user whose folder holds no data that segkit recognizes: what is missing, and where it is expected."""

import re
from pathlib import Path

from segkit.data.formats import image_suffixes
from segkit.data.listing import Listing, named
from segkit.data.text import read_text
from segkit.datasets._label_sets import edges, label_sets
from segkit.datasets._unpaired import LOSSY
from segkit.errors import DataError, counted

EXPECTED = (
    "These are recognized: label files (images/a.jpg with labels/a.png, or a.jpg with a_mask.png); JSON files of COCO "
    "(annotations/NAME.json) and of labelme (a.json beside a.jpg); YOLO's data.yaml with images/a.jpg and "
    "labels/a.txt; and Pascal VOC's JPEGImages, SegmentationClass and ImageSets/Segmentation."
)

_FEW_EDGES = 0.1
"""If fewer neighbors than this fraction differ, a file is hardly a photograph."""

_YOLO_LINE = re.compile(r"\d+(\s+-?\d*\.\d+){6,}")


def nothing_found(found: Listing) -> DataError:
    """Returns the error of a folder whose images have no annotations, or which has no images."""
    folder = found.folder
    if not found.images and not found.others:
        return DataError(f"{folder}: the folder is empty. {EXPECTED}")
    yolo = next((file for file in found.others if file.suffix == ".txt" and _is_yolo(file)), None)
    if yolo is not None:
        return DataError(
            f"{folder}: {yolo} is a text file of YOLO, but there is no data.yaml. Write {folder / 'data.yaml'}, with "
            f"the folders of the images and the names of the classes:\ntrain: images/train\nval: images/val\n"
            f"names: [FIRST, SECOND]"
        )
    if not found.images:
        return DataError(
            f"{folder}: there are no images, but {counted(found.others, 'other file')}: {named(found.others)}. Add the "
            f"images. {EXPECTED}"
        )
    if lossy := label_sets(found, image_suffixes()):
        return DataError(f"{folder}: the label files may be those in {lossy[0].where}. They are {LOSSY}")
    if edges(found.images) < _FEW_EDGES:
        return DataError(
            f"{folder}: its {counted(found.images, 'image')} look like label files ({named(found.images)}), and there "
            f"are no images that they belong to. Add these under the same names, such as in {folder / 'images'}, and "
            f"move the label files to {folder / 'labels'}."
        )
    others = f", and {counted(found.others, 'other file')}: {named(found.others)}" if found.others else ""
    return DataError(
        f"{folder}: there are images without annotations: {counted(found.images, 'image')} ({named(found.images)})"
        f"{others}. Add the annotations. {EXPECTED}"
    )


def _is_yolo(file: Path) -> bool:
    try:
        lines = read_text(file, "text").splitlines()
    except DataError:
        return False
    return bool(lines) and _YOLO_LINE.fullmatch(lines[0].strip()) is not None
