"""Images and the label files that belong to them. What is said of an image without label file: `_unpaired`."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from segkit.data.formats import label_suffixes
from segkit.data.listing import Listing, list_tree, named, warn_of_the_rest
from segkit.data.opening import check_image
from segkit.data.pixel_files import read_pixels
from segkit.data.problems import Problems
from segkit.datasets._split import FileSplit, chosen
from segkit.datasets._unpaired import advice, no_images, no_labels, one_folder
from segkit.errors import DataError, counted
from segkit.types import RGB, PixelFormat


@dataclass(frozen=True)
class Pair:
    """An image and its label file."""

    name: str
    """The path of the image within its folder, without its end. That of the label file is the same."""
    image: Path
    label: Path


@dataclass(frozen=True)
class Ends:
    """How the names of images and of label files end. An empty text stands for the suffix of any format."""

    image: str = ""
    label: str = ""


def pair_up(images: Path, labels: Path, ends: Ends, split: FileSplit | None, pixels: PixelFormat = RGB) -> list[Pair]:
    """Returns each image that `split` chooses with its label file, in the order of names.

    Both are looked for in all sub-folders. Warns of files that are left out.

    Raises:
        DataError: there are no images, or an image has no label file or several. The message names all of them.
    """
    found = list_tree(images, without=None if images == labels else labels, pixels=pixels)
    listed = found if images == labels else list_tree(labels, without=images)
    label_names = _named(listed, listed.images, ends.label)
    own = set(found.images)
    if images == labels:
        if not ends.label:
            raise one_folder(found)
        own -= label_names.keys()
    if ends.label and listed.images and not label_names:
        raise no_labels(found, listed, ends.label)
    image_names = _named(found, sorted(own), ends.image)
    if not image_names:
        raise no_images(found, ends.image)
    problems = Problems(images)
    image_of = {name: image for image, name in reversed(image_names.items())}  # the first one of a name counts
    name_of = {found.name_of(image): name for name, image in image_of.items()}
    wanted = sorted(name_of[file] for file in chosen(list(name_of), split, images, ends.image))
    lossless = label_suffixes()
    fitting = {file: name for file, name in label_names.items() if name in image_of and file.suffix.lower() in lossless}
    label_of = {name: label for label, name in reversed(fitting.items())}
    missing = [image_of[name] for name in wanted if name not in label_of]
    if missing:
        spare = [file for file in [*listed.images, *listed.others] if file not in fitting and file not in own]
        namesakes = [file for file, name in label_names.items() if name == image_names[missing[0]]]
        what = advice(missing[0], found, listed, spare, namesakes)
        problems.of(labels).add(f"there is no label file for {named(missing)} of {images}. {what}")
    _refuse_repeated(image_names, image_of, problems)
    _refuse_repeated(fitting, label_of, problems)
    problems.leave_unread(partial(read_pixels, image_of[name], pixels) for name in wanted)
    problems.leave_unread(partial(check_image, label_of[name]) for name in wanted if name in label_of)
    problems.raise_any()
    _warn_of_images(found, sorted(own - image_names.keys()), ends.image)
    _warn_of_labels(listed, [file for file in listed.images if file not in fitting], label_names, found, ends.label)
    return [Pair(name, image_of[name], label_of[name]) for name in wanted]


def check_size(image: Tensor, size: tuple[int, ...], pair: Pair) -> None:
    """Checks that an image (3, H, W) has the size (H, W) of its label file.

    Raises:
        DataError: it has not.
    """
    if tuple(image.shape[1:]) != size:
        raise DataError(
            f"{pair.label}: the label map is {size[1]}x{size[0]}, but its image {pair.image} is "
            f"{image.shape[2]}x{image.shape[1]} (upright). Give both one size."
        )


def name_without(path: str, end: str) -> str | None:
    """Returns a path without `end`, which may leave out the suffix of the format; None where it does not end so.

    Example:
        >>> name_without("a/b_rgb.JPG", "_rgb.jpg"), name_without("a/b_mask.png", "_mask"), name_without("a.png", "")
        ('a/b', 'a/b', 'a')
    """
    whole = path if "." in end else path[: len(path) - len(Path(path).suffix)]
    # On most file systems of cameras, the case of letters means nothing.
    return whole[: len(whole) - len(end)] if whole.lower().endswith(end.lower()) else None


def _named(listing: Listing, files: Iterable[Path], end: str) -> dict[Path, str]:
    """Returns the files whose names end in `end`, with their names without it."""
    names = ((file, name_without(listing.name_of(file), end)) for file in files)
    return {file: name for file, name in names if name is not None}


def _refuse_repeated(names: dict[Path, str], file_of: dict[str, Path], problems: Problems) -> None:
    for file, name in names.items():
        if file_of[name] != file:
            problems.of(file).add(f"this file and {file_of[name].name} belong to one image. Rename or remove one.")


def _warn_of_images(found: Listing, left_out: list[Path], end: str) -> None:
    warn_of_the_rest(found)
    if left_out:
        warnings.warn(
            f"{found.folder}: not read: {counted(left_out, 'image')} without '{end}' at the end of the name: "
            f"{named(left_out)}.",
            stacklevel=4,
        )


def _warn_of_labels(
    listed: Listing, surplus: list[Path], label_names: dict[Path, str], found: Listing, end: str
) -> None:
    """Warns of label files without image. Files with another end than the one that was asked for are no label files."""
    if end:
        surplus = [file for file in surplus if file in label_names]
    else:
        warn_of_the_rest(listed)
    if surplus:
        warnings.warn(
            f"{listed.folder}: not read: {counted(surplus, 'label file')} without an image of the same name in "
            f"{found.folder}: {named(surplus)}.",
            stacklevel=4,
        )
