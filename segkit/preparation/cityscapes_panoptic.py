"""Cityscapes panoptic: the published instance ids as COCO panoptic files."""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from segkit.classes import Classes
from segkit.data.class_list import read_classes
from segkit.data.label_maps import read_label_map
from segkit.data.paths import dataset_folder
from segkit.preparation._panoptic import OF_CLASS, PanopticImage, json_step, write_segments
from segkit.preparation._steps import Split, Step, files_of, images_of
from segkit.runtime.shipped import shipped_path

SPLITS = (("train", 2975), ("val", 500))
"""Name and published images of each split."""
_IMAGE = "_leftImg8bit.png"


def prepare() -> list[Split]:
    """Returns the steps that write `gtFine/cityscapes_panoptic_{train,val}{.json,/}`."""
    classes = read_classes(Path(shipped_path("segkit://classes/cityscapes.csv")))
    labels = dataset_folder("cityscapes/gtFine")
    splits = []
    for name, published in SPLITS:
        found, steps = [], []
        for image in images_of(f"cityscapes/leftImg8bit/{name}", _IMAGE):
            stem = image.name.removesuffix(_IMAGE)
            ids = labels / name / image.parent.name / f"{stem}_gtFine_instanceIds.png"
            png = labels / f"cityscapes_panoptic_{name}" / f"{stem}_gtFine_panoptic.png"
            steps.append(Step(png, partial(_write, classes, ids), files_of(image, ids)))
            found.append(PanopticImage(stem, f"{image.parent.name}/{image.name}", png))
        last = json_step(labels / f"cityscapes_panoptic_{name}.json", classes, found)
        splits.append(Split(name, len(found), published, steps, last))
    return splits


def _write(classes: Classes, ids: Path, draft: Path) -> None:
    write_segments(draft, segments_of(classes, read_label_map(ids).astype(np.int32)))


def segments_of(classes: Classes, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Returns segment ids (H, W) of instance ids: an instance is its class times 1000 plus its number from 0.

    Groups of a thing that were not separated are stored as the class alone. They are crowds, a class's last number.

    Example:
        >>> classes = Classes.make(["road", "car"], things=[False, True], ids=[7, 26])
        >>> segments_of(classes, np.array([[7, 26, 26000, 26001, 3]])).tolist()
        [[7000, 26999, 26001, 26002, 0]]
    """
    alone = ids < OF_CLASS
    segments = np.where(alone, ids * OF_CLASS, ids + 1)
    things = [stored for stored, thing in zip(classes.ids, classes.things, strict=True) if thing]
    segments[alone & np.isin(ids, things)] += OF_CLASS - 1
    known: npt.NDArray[np.int32] = np.where(np.isin(segments // OF_CLASS, classes.ids), segments, 0).astype(np.int32)
    return known
