"""Images and label files of the same names, and what to tell a user whose files have others."""

import re
import warnings
from pathlib import Path

from segkit.data.formats import image_suffixes, label_suffixes
from segkit.data.listing import Listing, counted, list_folder, named, warn_of_the_rest
from segkit.errors import DataError


def pair_up(images: Path, labels: Path) -> list[tuple[Path, Path]]:
    """Returns each image with its label file, in the order of names.

    Warns of files and sub-folders that are left out.

    Raises:
        DataError: a folder holds no images, or an image has no label file or several.
    """
    found = list_folder(images)
    listed = found if labels == images else list_folder(labels)
    image_of = _images_by_stem(found, labels)
    lossless = label_suffixes()
    label_of: dict[str, Path] = {}
    for file in listed.images:
        if file.suffix.lower() not in lossless or file.stem not in image_of:
            continue
        if file.stem in label_of:
            raise DataError(
                f"{file}: this file and {label_of[file.stem].name} are both labels of {image_of[file.stem]}. Remove "
                f"one."
            )
        label_of[file.stem] = file
    missing = [image for stem, image in image_of.items() if stem not in label_of]
    if missing:
        taken = {*label_of.values(), *(found.images if listed is found else ())}
        spare = [file for file in [*listed.images, *listed.others] if file not in taken]
        raise DataError(
            f"{labels}: there is no label file for {named(missing)} of {images}. {_advice(missing[0], spare, listed)}"
        )
    _warn(found, listed, set(label_of.values()))
    return [(image, label_of[stem]) for stem, image in sorted(image_of.items())]


def _images_by_stem(found: Listing, labels: Path) -> dict[str, Path]:
    image_of: dict[str, Path] = {}
    for file in found.images:
        if file.stem in image_of:
            same = " Put images and labels into two folders." if labels == found.folder else " Rename one."
            raise DataError(f"{file}: this image and {image_of[file.stem].name} have the same label file.{same}")
        image_of[file.stem] = file
    if not image_of:
        problem = f"{found.folder}: there are no images in this folder."
        if found.deeper:
            raise DataError(
                f"{problem} There are in {counted(found.deeper, 'sub-folder')} ({named(found.deeper)}), but "
                f"sub-folders are not read. Point 'images' and 'labels' at sub-folders, or move all files into one "
                f"folder each."
            )
        holds = f" It holds {counted(found.others, 'other file')}: {named(found.others)}." if found.others else ""
        raise DataError(f"{problem}{holds} Point 'images' at the folder of the images.")
    return image_of


def _advice(image: Path, spare: list[Path], listed: Listing) -> str:
    """Returns what to do about an image without label file.

    Args:
        image: The first image without label file.
        spare: Files in the folder of the labels that are no label of another image.
        listed: The folder of the labels.
    """
    lossy = [file for file in spare if file.stem == image.stem and file.suffix.lower() in image_suffixes()]
    if lossy:
        return (
            f"{lossy[0].name} may be stored with lossy compression, which changes ids, so they cannot be trusted. "
            f"Export the labels from their source again, as PNG; converting these files does not restore the ids."
        )
    near = _near(image, [file for file in spare or listed.images if file.suffix.lower() in label_suffixes()])
    if near is not None:
        return (
            f"{near.name} may be the one of {image.name}, but a label file must have the name of its image: rename it "
            f"to {image.stem}{near.suffix.lower()}, and the others alike, in a folder without the images."
        )
    if listed.deeper:
        return (
            f"There are images in {counted(listed.deeper, 'sub-folder')} ({named(listed.deeper)}), but sub-folders are "
            f"not read. Point 'labels' at one of them, or move all files into one folder."
        )
    holds = f"The folder holds {counted(spare, 'other file')}: {named(spare)}. " if spare else ""
    return f"{holds}Add label files of the same names, such as {image.stem}.png, or remove these images."


def _near(image: Path, files: list[Path]) -> Path | None:
    """Returns the file whose name differs from the image's by an ending such as `_mask`, if there is one."""
    stem = image.stem.lower()
    # As in Cityscapes, where `a_leftImg8bit` belongs to `a_gtFine_labelIds`.
    root = re.sub(r"[-_. ](leftimg8bit|image|img|rgb|sat|im)$", "", stem)
    found = [
        file
        for file in files
        if file != image
        and (file.stem.lower() == stem or re.match(rf"({re.escape(stem)}|{re.escape(root)})[-_. ]", file.stem.lower()))
    ]
    # Of several, ids are better than colors or instances.
    return min(found, key=lambda file: (not re.search(r"label|mask|seg", file.stem.lower()), file.name), default=None)


def _warn(found: Listing, listed: Listing, used: set[Path]) -> None:
    warn_of_the_rest(found)
    if listed is found:
        return
    warn_of_the_rest(listed)
    surplus = [file for file in listed.images if file not in used]
    if surplus:
        warnings.warn(
            f"{listed.folder}: not read: {counted(surplus, 'label file')} without an image of the same name in "
            f"{found.folder}: {named(surplus)}.",
            stacklevel=4,
        )
