"""What to tell a user whose images and label files do not fit: where they may be meant to lie, and which settings."""

import re
from pathlib import Path

from segkit.data.formats import image_suffixes, label_suffixes
from segkit.data.listing import Listing, named
from segkit.data.npy_files import SUFFIX
from segkit.errors import DataError, counted

_LABEL = re.compile(r"label|mask|seg|annot", re.IGNORECASE)
"""In the names of label files."""

LOSSY = (
    "stored with lossy compression, which changes ids, so they cannot be trusted. Export the labels from their source "
    "again, as PNG; converting these files does not restore the ids."
)

_SAME_PATH = "Point 'images' and 'labels' at folders within which both have the same path"


def one_folder(found: Listing) -> DataError:
    """Returns the error of images and labels in one folder, where no setting tells them apart."""
    problem = f"{found.folder}: images and labels are the same folder."
    tops = sorted({found.folder / found.name_of(file).split("/")[0] for file in found.images if _is_deep(file, found)})
    pair = _first_pair(found, found)
    if len(tops) > 1:
        return DataError(
            f"{problem} It has {counted(tops, 'sub-folder')} with images ({named(tops)}). Point 'images' and 'labels' "
            f"at two of them{_such_as(*pair) if pair is not None else ''}."
        )
    if pair is None:
        return DataError(
            f"{problem} Put the label files into a folder of their own, or set 'label_suffix' to the end of their "
            f"names, such as _mask.png."
        )
    return DataError(f"{problem} {_may_be(*pair, found, found)}")


def no_labels(found: Listing, listed: Listing, end: str) -> DataError:
    """Returns the error of a folder in which no file has the end of label files.

    Args:
        found: The folder of the images.
        listed: The folder of the labels.
        end: The setting `label_suffix`.
    """
    problem = f"{listed.folder}: the name of no label file ends in '{end}'."
    pair = _first_pair(found, listed)
    if pair is not None:
        return DataError(f"{problem} {_may_be(*pair, found, listed)}")
    return DataError(
        f"{problem} The folder holds {counted(listed.images, 'image')}: {named(listed.images)}. Correct 'label_suffix'."
    )


def no_images(found: Listing, end: str) -> DataError:
    """Returns the error of a folder without images."""
    if found.images and not end:
        return DataError(
            f"{found.folder}: the names of all {counted(found.images, 'image')} end in 'label_suffix', so that each is "
            f"a label file: {named(found.images)}. Correct 'label_suffix'."
        )
    if found.images:
        return DataError(
            f"{found.folder}: the name of no image ends in '{end}'. The folder holds {counted(found.images, 'image')}: "
            f"{named(found.images)}. Correct 'image_suffix'."
        )
    holds = f" It holds {counted(found.others, 'other file')}: {named(found.others)}." if found.others else ""
    if any(file.suffix.lower() == SUFFIX for file in found.others):
        return DataError(
            f"{found.folder}: there are no images in this folder.{holds} NumPy's files are images of other channels "
            "than RGB: set 'channels' and 'pixel_type' to what they hold."
        )
    return DataError(
        f"{found.folder}: there are no images in this folder.{holds} Point 'images' at the folder of the images."
    )


def advice(image: Path, found: Listing, listed: Listing, spare: list[Path], namesakes: list[Path]) -> str:
    """Returns what to do about an image without label file.

    Args:
        image: The first image without label file.
        found: The folder of the images.
        listed: The folder of the labels.
        spare: Files in the folder of the labels that are no label of an image.
        namesakes: Files in it that have the name of the image, and the end of label files.
    """
    lossy = [file for file in namesakes if file.suffix.lower() in image_suffixes() - label_suffixes()]
    if lossy:
        return f"{lossy[0].name} may be {LOSSY}"
    lossless = [file for file in spare if file.suffix.lower() in label_suffixes()]
    near = _near(image, lossless)
    if near is not None and _parent(near, listed) == _parent(image, found):
        return f"{near.name} may be the one of {image.name}. {_settings(image, near, found.folder == listed.folder)}"
    same = next((file for file in lossless if file.stem == image.stem), near)
    if same is not None:
        return f"{same} may be the one of {image}, but lies in another sub-folder. {_SAME_PATH}{_such_as(image, same)}."
    holds = f"The folder holds {counted(spare, 'other file')}: {named(spare)}. " if spare else ""
    return f"{holds}Add label files of the same names, such as {image.stem}.png, or remove these images."


def _is_deep(file: Path, listing: Listing) -> bool:
    return "/" in listing.name_of(file)


def _parent(file: Path, listing: Listing) -> str:
    return listing.name_of(file.parent)


def _such_as(image: Path, label: Path) -> str:
    """Names the two folders, where the paths of both files agree at their ends."""
    folders = image.parent, label.parent
    while folders[0].name == folders[1].name and folders[0] != folders[1]:
        folders = folders[0].parent, folders[1].parent
    return "" if folders[0] == folders[1] else f", such as {folders[0]} and {folders[1]}"


def root_of(image: Path) -> str:
    """Returns the name of an image without an end such as `_leftImg8bit`, as Cityscapes has it."""
    return re.sub(r"[-_. ](leftimg8bit|image|img|rgb|sat|im)$", "", image.stem, flags=re.IGNORECASE)


def _near(image: Path, files: list[Path]) -> Path | None:
    """Returns the file whose name differs from the image's by an ending such as `_mask`, if there is one."""
    stem, root = image.stem.lower(), root_of(image).lower()
    found = [
        file
        for file in files
        if file != image
        and (file.stem.lower() == stem or re.match(rf"({re.escape(stem)}|{re.escape(root)})[-_. ]", file.stem.lower()))
    ]
    # Of several, ids are better than colors or instances.
    return min(found, key=lambda file: (not _LABEL.search(file.stem), file.name), default=None)


def _first_pair(found: Listing, listed: Listing) -> tuple[Path, Path] | None:
    """Returns an image and the file that is most likely its label, if there is one."""
    lossless = label_suffixes()
    labels = [file for file in listed.images if file.suffix.lower() in lossless]
    # Files that cannot be labels first, then those that are not called so.
    images = sorted(
        found.images, key=lambda file: (file.suffix.lower() in lossless, bool(_LABEL.search(found.name_of(file))))
    )
    pairs = ((image, _near(image, labels)) for image in images)
    return next(((image, label) for image, label in pairs if label is not None), None)


def _may_be(image: Path, label: Path, found: Listing, listed: Listing) -> str:
    """Says which file may be the label of an image, and what to set then."""
    if _parent(label, listed) == _parent(image, found):
        settings = _settings(image, label, found.folder == listed.folder)
        return f"{label.name} may be the label of {image.name}. {settings}"
    return f"{label} may be the label of {image}. {_SAME_PATH}{_such_as(image, label)}."


def _settings(image: Path, label: Path, in_one_folder: bool) -> str:
    """Returns the settings that pair two files whose names begin alike."""
    if label.stem == image.stem:
        return f"If so, set label_suffix: {label.suffix}." if in_one_folder else "If so, leave out 'label_suffix'."
    if label.stem.lower() == image.stem.lower():
        return f"Rename it to {image.stem}{label.suffix.lower()}, and the others alike."
    begin = image.stem if label.stem.lower().startswith(image.stem.lower()) else root_of(image)
    settings = f"label_suffix: {label.name[len(begin) :]}"
    if begin != image.stem:
        settings = f"image_suffix: {image.name[len(begin) :]} and {settings}"
    return f"If so, set {settings}."
