"""Which type of dataset reads a folder: what the folders of each format have and those of no other."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from segkit.data.json_values import read_json
from segkit.data.text import read_text
from segkit.data.yaml_values import read_yaml
from segkit.datasets._coco_json import looks_like_coco
from segkit.datasets._labelme_files import looks_like_labelme
from segkit.datasets._voc_folders import looks_like_voc
from segkit.datasets._yolo_folders import looks_like_yolo
from segkit.errors import DataError

_MOST_FILES = 20
"""Files of one kind that are read: those of a format lie together."""


def _json(folder: Path) -> Iterator[object]:
    """Yields the content of the first JSON files of a folder and of its sub-folders."""
    for file in islice((one for level in ("*.json", "*/*.json") for one in sorted(folder.glob(level))), _MOST_FILES):
        try:
            yield read_json(file)
        except DataError:
            continue


def _yaml(folder: Path) -> Iterator[object]:
    """Yields the content of the first YAML files of a folder."""
    for file in islice((one for end in ("yaml", "yml") for one in sorted(folder.glob(f"*.{end}"))), _MOST_FILES):
        try:
            yield read_yaml(read_text(file, "YAML"), file)
        except DataError:
            continue


LAYOUTS: dict[str, Callable[[Path], bool]] = {
    "voc": looks_like_voc,
    "yolo": lambda folder: any(map(looks_like_yolo, _yaml(folder))),
    "labelme": lambda folder: any(map(looks_like_labelme, _json(folder))),
    "coco_panoptic": lambda folder: any(looks_like_coco(data) == "panoptic" for data in _json(folder)),
    "coco_instance": lambda folder: any(looks_like_coco(data) == "instance" for data in _json(folder)),
}
"""Type of a dataset -> whether a folder looks like one of it. Folders of images and label files alone have no mark."""
