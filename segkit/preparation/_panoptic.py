"""COCO panoptic files made of other annotations.

The id of a segment is its class id times 1000 plus its number. So a PNG alone shows the segments of its image, and a
preparation that was interrupted need not make it again.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from segkit.classes import Classes
from segkit.data.images import read_panoptic_map
from segkit.errors import DataError, cause_of
from segkit.runtime.reading import read_json

OF_CLASS = 1000
"""Segments of one class in an image, at most, and the factor of a class id."""


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


def write_json(draft: Path, classes: Classes, files: Sequence[tuple[str, Path]]) -> None:
    """Writes the JSON file of panoptic PNGs.

    Args:
        draft: The file.
        classes: Their ids are those of the segments.
        files: The image's path within the folder of images, and its PNG.
    """
    images: list[object] = []
    annotations: list[object] = []
    for name, png in files:
        segments = read_panoptic_map(png)
        height, width = segments.shape
        images.append({"id": png.stem, "file_name": name, "height": height, "width": width})
        annotations.append({"image_id": png.stem, "file_name": png.name, "segments_info": _segments_info(segments)})
    categories = [
        {"id": stored, "name": name, "isthing": int(thing), "color": list(color)}
        for stored, name, thing, color in zip(classes.ids, classes.names, classes.things, classes.colors, strict=True)
    ]
    content = {"images": images, "annotations": annotations, "categories": categories}
    draft.write_text(json.dumps(content), encoding="utf-8")


def check_json(file: Path) -> None:
    """Checks that a JSON file of panoptic PNGs, perhaps of another program, is whole, and that its PNGs are there.

    They lie in the folder beside the file that has its name without suffix.

    Raises:
        DataError: it is damaged, or a PNG is missing.
    """
    folder = file.with_suffix("")
    again = f"Remove this file and the folder {folder}, and prepare the dataset again."
    try:
        content: Any = read_json(file)
        pngs = [folder / annotation["file_name"] for annotation in content["annotations"]]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{file}: it is no whole JSON of COCO's panoptic format ({cause_of(error)}). {again}") from None
    missing = [png for png in pngs if not png.is_file()]
    if missing:
        raise DataError(f"{file}: of its {len(pngs)} PNGs, {len(missing)} are missing, such as {missing[0]}. {again}")


def _segments_info(segments: npt.NDArray[np.int32]) -> list[object]:
    ids, areas = np.unique(segments, return_counts=True)
    return [
        {"id": id, "category_id": id // OF_CLASS, "area": area, "iscrowd": int(id % OF_CLASS == OF_CLASS - 1)}
        for id, area in zip(ids.tolist(), areas.tolist(), strict=True)
        if id != 0
    ]
