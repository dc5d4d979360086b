"""Where the images and text files of a YOLO dataset lie, as its data.yaml says and as exports have it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from segkit.data.formats import image_suffixes
from segkit.data.json_values import shown
from segkit.data.listing import list_tree, warn_of_the_rest
from segkit.data.paths import configured_path
from segkit.data.text import read_text
from segkit.data.yaml_values import read_yaml
from segkit.datasets._proposal import (
    INSTANCE,
    Proposal,
    Settings,
    Wishes,
    choose_task,
    divided,
    no_validation,
    part_in,
)
from segkit.datasets._split import Split, chosen
from segkit.errors import DataError, join_first

SPLITS = ("train", "val", "valid", "validation", "test")
"""The keys of data.yaml that name images."""

_NO_LABELS = ("classes", "labels", "names")
"""Text files that tools put beside label files, besides lists of images such as train.txt."""

_COMPANIONS = (".txt", ".yaml", ".yml", ".cache", ".npy")
"""Suffixes of what tools of YOLO keep beside images: labels, the data.yaml, and caches of labels and of images."""

_MOST_FILES = 20
"""YAML files of a folder that are read."""


@dataclass(frozen=True)
class YoloImage:
    """An image and its text file."""

    file: Path
    name: str
    """The path of the image within the dataset, without suffix."""
    label: Path | None
    """None where the image has no objects."""


def looks_like_yolo(data: object) -> bool:
    """Returns whether the content of a YAML file is that of a data.yaml.

    Example:
        >>> looks_like_yolo({"train": "images", "names": ["cat"]}), looks_like_yolo({"model": {}})
        (True, False)
    """
    return isinstance(data, dict) and "names" in data and any(key in data for key in SPLITS)


def propose_yolo(folder: Path, wishes: Wishes) -> Proposal:
    """Proposes how to read a folder that has a data.yaml.

    Raises:
        DataError: it has several, or one that names no images for training.
    """
    found = yolo_files(folder)
    if len(found) > 1:
        raise DataError(
            f"{folder}: {join_first([file.name for file in found])} each name images and classes. Keep one of them."
        )
    (file,) = found
    if wishes.classes is not None:
        raise DataError(f"{file}: the classes are those of this file. Leave out --classes, or change 'names' there.")
    data = read_yaml(read_text(file, "YAML"), file)
    assert isinstance(data, dict), "the file was told from its keys"
    keys = [key for key in SPLITS if data.get(key)]
    if "train" not in keys:
        raise no_validation(file, [f"'{key}'" for key in keys], "Add 'train: FOLDER' and 'val: FOLDER' to the file.")
    settings: Settings = {"type": "yolo", "data": configured_path(file)}
    tasks = choose_task([INSTANCE], wishes, folder)
    val = next((key for key in keys if part_in(key) == "val" and _is_there(data[key], data, file)), None)
    if val is None:
        return divided(Proposal(tasks, settings, settings))
    return Proposal(tasks, {**settings, "split": "train"}, {**settings, "split": val})


def yolo_files(folder: Path) -> list[Path]:
    """Returns the files of a folder that are a data.yaml, under any name."""
    found = []
    for file in islice((one for end in ("yaml", "yml") for one in sorted(folder.glob(f"*.{end}"))), _MOST_FILES):
        try:
            found += [file] if looks_like_yolo(read_yaml(read_text(file, "YAML"), file)) else []
        except DataError:
            continue
    return found


def _is_there(given: object, data: dict[str, object], file: Path) -> bool:
    """Returns whether a value of data.yaml leads to images. Exports without a part name its folder all the same."""
    try:
        found = [_resolved(str(place), data, file) for place in (given if isinstance(given, list) else [given])]
    except DataError:
        return False
    return any(place.is_file() or list_tree(place).images for place in found)


def key_of(split: Split) -> str:
    """Returns the key of data.yaml that names the images of a split, or those that a share is drawn from."""
    return split if isinstance(split, str) else "train"


def images_of(file: Path, split: Split) -> list[YoloImage]:
    """Returns the images of a split in the order of their names.

    Args:
        file: The data.yaml.
        split: The key that names them: a folder, a text file with one image per line, or a list of these. Or a share
            of the images of `train`.

    Raises:
        DataError: the key or a path does not exist, or no image has a text file.
    """
    key = key_of(split)
    data = read_yaml(read_text(file, "YAML"), file)
    given = data.get(key) if isinstance(data, dict) else None
    places = given if isinstance(given, list) else [given]
    if not isinstance(data, dict) or not places or not all(isinstance(place, str) and place for place in places):
        known = [one for one in SPLITS if isinstance(data, dict) and data.get(one)]
        value = f" It is {shown(given)}." if given is not None else ""
        raise DataError(
            f"{file}: 'split' is {key}, but this file names no images under '{key}'.{value} It has: "
            f"{join_first(known) or 'none'}. Choose one of these, or add the folder of the images to the file."
        )
    found: dict[Path, None] = {}
    for place in places:
        found |= dict.fromkeys(_files(_resolved(str(place), data, file)))
    images = [_image(image, file.parent) for image in sorted(found)]
    if not images:
        raise DataError(f"{file}: '{key}' names no images. Correct the folder, or add images.")
    if all(image.label is None for image in images):
        raise DataError(
            f"{file}: no image of '{key}' has a text file. The first is expected at {_label_of(images[0].file)}. "
            "Put the text files into a folder 'labels' beside 'images'."
        )
    if isinstance(split, str):
        return images
    drawn = set(chosen([image.name for image in images], split, file))
    return [image for image in images if image.name in drawn]


def surplus_labels(images: Sequence[YoloImage]) -> list[Path]:
    """Returns the text files in the folders of the label files to which no image belongs, in the order of names."""
    folders: dict[Path, set[Path]] = {}
    for image in images:
        folders.setdefault(_label_of(image.file).parent, set()).add(image.file.parent)
    found: list[Path] = []
    for labels, places in sorted(folders.items()):
        # Images of other splits may lie there, too.
        there = {file.stem for place in places for file in place.iterdir() if file.suffix.lower() in image_suffixes()}
        known = there | {image.file.stem for image in images}
        texts = [file for file in sorted(labels.glob("*.txt")) if file.stem not in known]
        found += [file for file in texts if file.stem not in _NO_LABELS and not part_in(file.stem)]
    return found


def _resolved(place: str, data: dict[str, object], file: Path) -> Path:
    """Returns the path that a value of data.yaml means."""
    root = data.get("path")
    bases = [file.parent / root, file.parent] if isinstance(root, str) and root else [file.parent]
    # Roboflow writes `../train/images` for the folder `train/images` beside the file.
    parts = [part for part in PurePosixPath(place.replace("\\", "/")).parts if part not in ("..", ".")]
    inside = Path(*parts[1:]) if parts[:1] == ["/"] else Path(*parts)
    candidates = [*(base / place for base in bases), *(base / inside for base in bases)]
    found = next((path for path in candidates if path.exists()), None)
    if found is None:
        raise DataError(
            f"{file}: there is no {join_first(list(dict.fromkeys(map(str, candidates))))}. Correct '{place}' in the "
            "file: paths are relative to it, or to its 'path'."
        )
    return found


def _files(place: Path) -> list[Path]:
    """Returns the images of a folder, or those that a text file lists."""
    if place.is_dir():
        listing = list_tree(place)
        warn_of_the_rest(listing, _COMPANIONS)
        return listing.images
    lines = [line.strip() for line in read_text(place, "a list of images").splitlines() if line.strip()]
    images = [place.parent / line for line in lines]
    missing = [line for line, image in zip(lines, images, strict=True) if not os.path.isfile(image)]
    if missing:
        raise DataError(
            f"{place}: {len(missing)} of {len(lines)} listed images do not exist: {join_first(missing, limit=3)}. "
            "Correct or remove the lines; paths are relative to the file."
        )
    return images


def _image(image: Path, root: Path) -> YoloImage:
    label = _label_of(image)
    name = image.relative_to(root) if image.is_relative_to(root) else Path(image.name)
    return YoloImage(image, name.with_suffix("").as_posix(), label if os.path.isfile(label) else None)


def _label_of(image: Path) -> Path:
    """Returns the text file of an image: the last folder `images` of its path becomes `labels`."""
    parts = list(image.parts)
    place = max((place for place, part in enumerate(parts[:-1]) if part == "images"), default=None)
    if place is not None:
        parts[place] = "labels"
    return Path(*parts).with_suffix(".txt")
