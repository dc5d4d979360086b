"""The dataset `labelme`, for instance segmentation."""

import math
import warnings
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from segkit.classes import Classes
from segkit.data.listing import Listing, list_tree, named, warn_of_the_rest
from segkit.data.paths import dataset_folder
from segkit.data.problems import Problems
from segkit.datasets._class_choice import ClassChoice, names_in_annotations
from segkit.datasets._instances import AnnotatedImage, Instance, InstanceDataset, read_annotated
from segkit.datasets._labelme_files import LabelmeFile, read_labelme
from segkit.datasets._plausibility import Plausibility
from segkit.datasets._segments import Segment
from segkit.datasets._split import FileSplit, chosen
from segkit.errors import DataError, counted, join_first
from segkit.registries import DATASETS

IGNORED = ("__ignore__", "_background_")
"""Labels that labelme reserves for what is no object."""

_COMPANIONS = (".json", ".txt")
"""Suffixes of the files of labelme, and of its lists of labels and flags."""


@DATASETS.register("labelme")
class Labelme(InstanceDataset):
    """Images with the JSON files of labelme, one for each image.

    `a.json` names its image in `imagePath`, which lies beside it or in `images`. Files are looked for in all
    sub-folders; samples follow the order of their names. Polygons, rectangles, circles and masks are read; shapes of
    one label with the same `group_id` are one instance. Points and lines have no mask: they are left out with a
    warning, as are images without a JSON file. Pixels outside all instances are background, not void.

    Everything that the JSON files alone can tell is checked when the dataset is built, and all problems are listed.

    Args:
        folder: Folder of the JSON files. Relative paths lead to the folder `$SEGKIT_DATASETS`, or to ./datasets.
        images: Folder of the images, if they do not lie beside the JSON files.
        classes: Which labels are the classes: a list of names in their order, or a mapping that also renames and
            merges, as in `{person: pedestrian, vehicle: [car, truck]}`. A warning counts shapes of other labels, which
            are left out. By default all labels of the folder, in alphabetical order.
        split: Which of the images: a text file with one name per line; `{share: 0.2, seed: 0}` for a fifth of them; or
            `{all_but: 0.2, seed: 0}` for the others.

    Raises:
        DataError: a path does not exist, or a JSON file is incomplete or inconsistent.

    Example:
        >>> import json, tempfile
        >>> from PIL import Image
        >>> box = {"label": "cat", "shape_type": "rectangle", "points": [[0, 0], [2, 2]]}
        >>> content = {"imagePath": "a.png", "imageHeight": 3, "imageWidth": 4, "shapes": [box]}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("RGB", (4, 3)).save(f"{folder}/a.png")
        ...     _ = Path(folder, "a.json").write_text(json.dumps(content))
        ...     dataset = Labelme(folder=folder)
        ...     sample = dataset[0]
        >>> dataset.classes.names, sample.target.masks.sum().item()
        (('cat',), 4)
    """

    def __init__(
        self,
        *,
        folder: str | Path,
        images: str | Path | None = None,
        classes: ClassChoice | None = None,
        split: FileSplit | None = None,
    ) -> None:
        root = dataset_folder(folder)
        listing = list_tree(root)
        problems = Problems(root)
        image_folder = None if images is None else dataset_folder(images)
        files = read_labelme(listing, image_folder, problems)
        listed = [AnnotatedImage(file.image, file.name, file.size, file.path) for file in files]
        problems.leave_unread(partial(read_annotated, image) for image in listed)
        problems.raise_any()
        names, label_of = _classes(files, classes, root)
        annotated = {file.image for file in files}
        keep = set(chosen([file.name for file in files], split, root))
        files = [file for file in files if file.name in keep]
        listed = [image for image in listed if image.id in keep]
        _warn(files, label_of, root)
        _warn_of_images(listing, annotated)
        if image_folder is not None and not image_folder.resolve().is_relative_to(root.resolve()):
            _warn_of_images(list_tree(image_folder, without=root), annotated)
        plausibility = Plausibility(root, problems)
        instances: list[Instance] = []
        for index, file in enumerate(files):
            for shape in file.instances:
                if shape.label in label_of:
                    plausibility.add_mask(shape.entry, shape.mask, file.size, math.nan)
                    instances.append((Segment(index, label_of[shape.label], False, math.nan), shape.mask))
                    plausibility.add_instance(shape.entry, *instances[-1])
        plausibility.finish()
        problems.raise_any()
        super().__init__(Classes.make(names), listed, instances)


def _classes(files: Iterable[LabelmeFile], choice: ClassChoice | None, root: Path) -> tuple[list[str], dict[str, int]]:
    """Returns the class names, and the class index of each label."""
    labels = sorted({shape.label for file in files for shape in file.instances} - set(IGNORED))
    if choice is None and not labels:
        raise DataError(f"{root}: no JSON file has a shape with a mask. Annotate objects, or name the 'classes'.")
    sources = names_in_annotations(labels if choice is None else choice)
    return list(sources), {old: label for label, olds in enumerate(sources.values()) for old in olds}


def _warn(files: list[LabelmeFile], label_of: dict[str, int], root: Path) -> None:
    """Warns of shapes that are left out."""
    others = Counter(shape.label for file in files for shape in file.instances if shape.label not in label_of)
    kinds = sum((file.left_out for file in files), Counter[str]())
    for what, found in (
        ("shapes of labels that are no class", others),
        ("shapes without a mask", kinds),
    ):
        if found:
            listed = join_first([f"{name} ({count})" for name, count in sorted(found.items())])
            warnings.warn(f"{root}: left out: {what}: {listed}.", stacklevel=3)


def _warn_of_images(listing: Listing, annotated: Collection[Path]) -> None:
    """Warns of images without a JSON file, and of files that may be images."""
    surplus = [image for image in listing.images if image not in annotated]
    if surplus:
        warnings.warn(
            f"{listing.folder}: left out: {counted(surplus, 'image')} without a JSON file: {named(surplus)}.",
            stacklevel=3,
        )
    others = [file for file in listing.others if file not in annotated]
    warn_of_the_rest(replace(listing, others=others), _COMPANIONS)
