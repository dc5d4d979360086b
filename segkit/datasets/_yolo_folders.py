"""Where the images and text files of a YOLO dataset lie, as its data.yaml says and as exports have it."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from segkit.data.json_values import shown
from segkit.data.listing import list_tree
from segkit.data.text import read_text
from segkit.data.yaml_values import read_yaml
from segkit.errors import DataError, join_first

SPLITS = ("train", "val", "valid", "validation", "test")
"""The keys of data.yaml that name images."""


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


def images_of(file: Path, split: str) -> list[YoloImage]:
    """Returns the images of a split in the order of their names.

    Args:
        file: The data.yaml.
        split: The key that names them: a folder, a text file with one image per line, or a list of these.

    Raises:
        DataError: the key or a path does not exist, or no image has a text file.
    """
    data = read_yaml(read_text(file, "YAML"), file)
    given = data.get(split) if isinstance(data, dict) else None
    places = given if isinstance(given, list) else [given]
    if not isinstance(data, dict) or not places or not all(isinstance(place, str) and place for place in places):
        known = [key for key in SPLITS if isinstance(data, dict) and data.get(key)]
        value = f" It is {shown(given)}." if given is not None else ""
        raise DataError(
            f"{file}: 'split' is {split}, but this file names no images under '{split}'.{value} It has: "
            f"{join_first(known) or 'none'}. Choose one of these, or add the folder of the images to the file."
        )
    found: dict[Path, None] = {}
    for place in places:
        found |= dict.fromkeys(_files(_resolved(str(place), data, file)))
    images = [_image(image, file.parent) for image in sorted(found)]
    if not images:
        raise DataError(f"{file}: '{split}' names no images. Correct the folder, or add images.")
    if all(image.label is None for image in images):
        raise DataError(
            f"{file}: no image of '{split}' has a text file. The first is expected at {_label_of(images[0].file)}. "
            "Put the text files into a folder 'labels' beside 'images'."
        )
    return images


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
        return list_tree(place).images
    lines = [line.strip() for line in read_text(place, "a list of images").splitlines() if line.strip()]
    images = [place.parent / line for line in lines]
    missing = [line for line, image in zip(lines, images, strict=True) if not image.is_file()]
    if missing:
        raise DataError(
            f"{place}: {len(missing)} of {len(lines)} listed images do not exist: {join_first(missing, limit=3)}. "
            "Correct or remove the lines; paths are relative to the file."
        )
    return images


def _image(image: Path, root: Path) -> YoloImage:
    label = _label_of(image)
    name = image.relative_to(root) if image.is_relative_to(root) else Path(image.name)
    return YoloImage(image, name.with_suffix("").as_posix(), label if label.is_file() else None)


def _label_of(image: Path) -> Path:
    """Returns the text file of an image: the last folder `images` of its path becomes `labels`."""
    parts = list(image.parts)
    place = max((place for place, part in enumerate(parts[:-1]) if part == "images"), default=None)
    if place is not None:
        parts[place] = "labels"
    return Path(*parts).with_suffix(".txt")
