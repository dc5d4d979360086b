"""ADE20K panoptic: the stuff of `annotations` with the things of `annotations_instance`."""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from segkit.classes import Classes
from segkit.data.class_list import read_classes
from segkit.data.label_maps import read_label_map
from segkit.data.opening import opened
from segkit.data.paths import dataset_folder
from segkit.errors import DataError
from segkit.preparation._panoptic import OF_CLASS, PanopticImage, json_step, write_segments
from segkit.preparation._steps import Split, Step, files_of, images_of
from segkit.runtime.shipped import shipped_path

ROOT = "ADEChallengeData2016"
SPLITS = (("train", "training", 20210), ("val", "validation", 2000))
"""Name, folder and published images of each split."""


def prepare() -> list[Split]:
    """Returns the steps that write `ade20k_panoptic_{train,val}{.json,/}`."""
    classes = read_classes(Path(shipped_path("segkit://classes/ade20k_150.csv")))
    root, instances = dataset_folder(ROOT), dataset_folder(f"{ROOT}/annotations_instance")
    splits = []
    for name, folder, published in SPLITS:
        pairs = [(image, root / f"ade20k_panoptic_{name}" / f"{image.stem}.png") for image in _images(folder)]
        steps = []
        for image, png in pairs:
            labels = root / "annotations" / folder / png.name
            things = instances / folder / png.name
            steps.append(Step(png, partial(_write, classes, labels, things), files_of(image, labels, things)))
        found = [PanopticImage(image.stem, image.name, png) for image, png in pairs]
        last = json_step(root / f"ade20k_panoptic_{name}.json", classes, found)
        splits.append(Split(name, len(pairs), published, steps, last))
    return splits


def _images(folder: str) -> list[Path]:
    return images_of(f"{ROOT}/images/{folder}", ".jpg")


def _write(classes: Classes, labels: Path, things: Path, draft: Path) -> None:
    stored = read_label_map(labels).astype(np.int32)
    with opened(things) as image:
        channels = np.asarray(image.convert("RGB"), dtype=np.int32)
    if channels.shape[:2] != stored.shape:
        raise DataError(f"{things}: it has another size than {labels}. Unpack the published archives again.")
    write_segments(draft, segments_of(classes, stored, channels[..., 0], channels[..., 1]))


def segments_of(
    classes: Classes, labels: npt.NDArray[np.int32], kinds: npt.NDArray[np.int32], numbers: npt.NDArray[np.int32]
) -> npt.NDArray[np.int32]:
    """Returns segment ids (H, W): instances over stuff, and void where a thing has no instance.

    Args:
        classes: With the ids of label maps.
        labels: (H, W) ids of label maps.
        kinds: (H, W) the instances' class, from 1 in the order of things.
        numbers: (H, W) the instances' number within the image; 0 is none.

    Example:
        >>> classes = Classes.make(["sky", "car"], things=[False, True], ids=[1, 2])
        >>> maps = [np.array([row]) for row in ([1, 1, 2], [0, 1, 0], [0, 7, 0])]
        >>> segments_of(classes, *maps).tolist()
        [[1000, 2001, 0]]
    """
    stuff = [stored for stored, thing in zip(classes.ids, classes.things, strict=True) if not thing]
    things = [stored for stored, thing in zip(classes.ids, classes.things, strict=True) if thing]
    segments = np.where(np.isin(labels, stuff), labels * OF_CLASS, 0).astype(np.int32)
    counts: dict[int, int] = {}
    for number in np.unique(numbers[numbers > 0]).tolist():
        mask = numbers == number
        # A few instances of the published files are of no class.
        kind = int(np.bincount(kinds[mask]).argmax())
        if not 0 < kind <= len(things):
            continue
        stored = things[kind - 1]
        counts[stored] = counts.get(stored, 0) + 1
        segments[mask] = stored * OF_CLASS + counts[stored]
    return segments
