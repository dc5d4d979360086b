"""COCO panoptic files made of other annotations.

The id of a segment is its class id times 1000 plus its number. So a PNG alone shows the segments of its image, and a
preparation that was interrupted need not make it again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from segkit.classes import Classes
from segkit.data.images import read_panoptic_map
from segkit.errors import DataError, cause_of, counted
from segkit.preparation._steps import LastStep
from segkit.runtime.reading import read_json

OF_CLASS = 1000
"""Segments of one class in an image, at most, and the factor of a class id."""
_INFO = {"contributor": "segkit"}
"""Marks a JSON file as one of this module. It may be written anew: its PNGs have the ids above."""


@dataclass(frozen=True)
class PanopticImage:
    """An image and its PNG of segments."""

    id: str
    """The dataset's own id, which its evaluation reads."""
    name: str
    """Path within the folder of images."""
    png: Path


def write_segments(draft: Path, segments: npt.NDArray[np.int32]) -> None:
    """Writes segment ids (H, W) as an RGB PNG: R + 256 G + 65536 B.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "a.png"
        >>> write_segments(file, np.array([[0, 7001]], dtype=np.int32))
        >>> read_panoptic_map(file)
        array([[   0, 7001]], dtype=int32)
    """
    channels = [segments >> shift & 255 for shift in (0, 8, 16)]
    Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8)).save(draft, format="PNG")


def json_step(file: Path, classes: Classes, found: Sequence[PanopticImage]) -> LastStep:
    """Returns the step that writes the JSON file of panoptic PNGs, which lie in the folder of its name.

    Args:
        file: The file.
        classes: Their ids are those of the segments.
        found: The images.
    """
    return LastStep(file, partial(_write_json, classes, found), is_done=partial(_is_done, file, found))


def _write_json(classes: Classes, found: Sequence[PanopticImage], draft: Path) -> None:
    images: list[object] = []
    annotations: list[object] = []
    for image in found:
        segments = read_panoptic_map(image.png)
        height, width = segments.shape
        images.append({"id": image.id, "file_name": image.name, "height": height, "width": width})
        annotations.append(
            {"image_id": image.id, "file_name": image.png.name, "segments_info": _segments_info(segments)}
        )
    categories = [
        {"id": stored, "name": name, "isthing": int(thing), "color": list(color)}
        for stored, name, thing, color in zip(classes.ids, classes.names, classes.things, classes.colors, strict=True)
    ]
    content = {"info": _INFO, "images": images, "annotations": annotations, "categories": categories}
    draft.write_text(json.dumps(content), encoding="utf-8")


def _is_done(file: Path, found: Sequence[PanopticImage]) -> bool:
    """Returns whether the JSON file is there and lists the images found. One of another program may list more.

    Raises:
        DataError: it is damaged, a PNG is missing, or it is of another program and lacks images.
    """
    if not file.exists():
        return False
    folder = file.with_suffix("")
    again = f"Remove this file and the folder {folder}, and prepare the dataset again."
    try:
        content: Any = read_json(file)
        pngs = [folder / annotation["file_name"] for annotation in content["annotations"]]
        listed = {image["id"] for image in content["images"]}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{file}: it is no whole JSON of COCO's panoptic format ({cause_of(error)}). {again}") from None
    missing = [png for png in pngs if not png.is_file()]
    if missing:
        raise DataError(f"{file}: of its {len(pngs)} PNGs, {len(missing)} are missing, such as {missing[0]}. {again}")
    if content.get("info") == _INFO:
        return listed == {image.id for image in found}
    absent = [image.name for image in found if image.id not in listed]
    if absent:
        raise DataError(
            f"{file}: of the {counted(found, 'image')} found, it does not list {len(absent)}, such as {absent[0]}. "
            f"{again}"
        )
    return True


def _segments_info(segments: npt.NDArray[np.int32]) -> list[object]:
    ids, areas = np.unique(segments, return_counts=True)
    return [
        {"id": id, "category_id": id // OF_CLASS, "area": area, "iscrowd": int(id % OF_CLASS == OF_CLASS - 1)}
        for id, area in zip(ids.tolist(), areas.tolist(), strict=True)
        if id != 0
    ]
