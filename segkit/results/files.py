"""Results as files: label PNGs, COCO instance JSON, COCO panoptic PNGs with their JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from segkit.classes import Classes
from segkit.errors import DataError
from segkit.ops.run_length import box_to_xywh, boxes_of, encode_masks, rle_to_json
from segkit.types import InstanceResult, PanopticResult, Result, SemanticResult


class OutputNames:
    """A name without suffix for the results of each image, never the same for two images.

    It is the image's own stem; where another image has that already, `<folder>_<stem>`; where this is taken too,
    `<stem>_2`, `<stem>_3` and so on. Letter case does not make names different, since some file systems ignore it.
    """

    def __init__(self) -> None:
        self._of_file: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, file: str | Path) -> str:
        """The name for `file`, the same whenever it is asked for."""
        known = self._of_file.get(str(file))
        if known is not None:
            return known
        path = Path(file)
        candidates = [path.stem, f"{path.parent.name}_{path.stem}"]
        name = next((name for name in candidates if name.lower() not in self._taken), None)
        number = 2
        while name is None:
            numbered = f"{path.stem}_{number}"
            name = numbered if numbered.lower() not in self._taken else None
            number += 1
        self._taken.add(name.lower())
        self._of_file[str(file)] = name
        return name


class ResultWriter:
    """Writes results of many images into a folder, each when it is given, holding none:

    * semantic: `semantic/<name>.png`, a label map of the classes' own ids (`save_label_map`);
    * instance: `instances.json`, a list of COCO results with run lengths;
    * panoptic: `panoptic/<name>.png` and `panoptic.json`, COCO's panoptic format.

    `<name>` is that of `OutputNames`. A context manager: leaving it, also by an error, completes the JSON files.
    """

    def __init__(self, folder: Path | str, classes: Classes, names: OutputNames | None = None) -> None:
        """`names` is shared with whoever writes further files about the same images."""
        self.folder = Path(folder)
        self.classes = classes
        self.names = names or OutputNames()
        self._instances: JsonList | None = None
        self._panoptic: JsonList | None = None

    def write(self, result: Result, file: str | Path, image_id: int | str) -> None:
        """Raises DataError where a file cannot be written."""
        try:
            self._write(result, self.names.of(file), str(file), image_id)
        except OSError as error:
            raise DataError(f"{self.folder}: the result of {file} cannot be written ({error}).") from error

    def _write(self, result: Result, name: str, file: str, image_id: int | str) -> None:
        if isinstance(result, SemanticResult):
            save_label_map(result, self.classes, self._subfolder("semantic") / f"{name}.png")
        elif isinstance(result, InstanceResult):
            if self._instances is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._instances = JsonList(self.folder / "instances.json", "[", "]")
            for entry in instance_entries(result, self.classes, image_id):
                self._instances.add({**entry, "file_name": file})
        else:
            if self._panoptic is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                head = f'{{"categories": {json.dumps(_categories(self.classes))},\n"annotations": ['
                self._panoptic = JsonList(self.folder / "panoptic.json", head, "]}")
            save_panoptic_map(result, self._subfolder("panoptic") / f"{name}.png")
            entry = panoptic_entry(result, self.classes, image_id, f"{name}.png")
            self._panoptic.add({**entry, "picture": file})

    def _subfolder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def close(self) -> None:
        for part in (self._instances, self._panoptic):
            if part is not None:
                part.close()

    def __enter__(self) -> ResultWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class JsonList:
    """A JSON file whose one list is written item by item, between `head` and `tail`."""

    def __init__(self, path: Path, head: str, tail: str) -> None:
        self._file: IO[str] = path.open("w", encoding="utf-8")
        self._file.write(head)
        self._tail = tail
        self._separator = "\n"

    def add(self, item: dict[str, Any]) -> None:
        self._file.write(self._separator + json.dumps(item))
        self._separator = ",\n"

    def close(self) -> None:
        """Complete the file; further calls do nothing."""
        if not self._file.closed:
            self._file.write("\n" + self._tail + "\n")
            self._file.close()


def save_label_map(result: SemanticResult, classes: Classes, path: Path) -> None:
    """A PNG whose values are `classes.ids`: 8 bit with the classes' colours as palette, or 16 bit where an id is above
    255. Raises DataError where an id fits neither."""
    largest = max(classes.ids, default=0)
    if largest > 65535 or min(classes.ids, default=0) < 0:
        raise DataError(f"{path}: class id {largest} does not fit into a PNG of 16 bits; give the classes smaller ids.")
    table = np.array(classes.ids, dtype=np.uint8 if largest < 256 else np.uint16)
    image = Image.fromarray(table[result.label_map.cpu().numpy()])
    if largest < 256:
        palette = np.zeros((256, 3), dtype=np.uint8)
        palette[list(classes.ids)] = classes.colors
        image.putpalette(palette.tobytes())
    image.save(path)


def instance_entries(result: InstanceResult, classes: Classes, image_id: int | str) -> list[dict[str, Any]]:
    """COCO results: `image_id`, `category_id`, `segmentation` (run lengths), `bbox` (x, y, width, height), `score`."""
    return [
        {
            "image_id": image_id,
            "category_id": classes.ids[label],
            "segmentation": rle_to_json(rle),
            "bbox": box_to_xywh(box),
            "score": score,
        }
        for label, score, rle, box in zip(
            result.labels.tolist(),
            result.scores.tolist(),
            encode_masks(result.masks),
            boxes_of(result.masks).cpu(),
            strict=True,
        )
    ]


def save_panoptic_map(result: PanopticResult, path: Path) -> None:
    """COCO's panoptic PNG: a pixel's segment id is red + 256 green + 65536 blue, 0 = none."""
    ids = result.segment_map.cpu().numpy()
    Image.fromarray(np.stack([ids % 256, ids // 256 % 256, ids // 65536], -1).astype(np.uint8)).save(path)


def panoptic_entry(result: PanopticResult, classes: Classes, image_id: int | str, file_name: str) -> dict[str, Any]:
    """COCO's panoptic annotation of one image; `file_name` is that of its PNG."""
    ids: NDArray[np.int32] = result.segment_map.cpu().numpy()
    areas = np.bincount(ids.ravel(), minlength=1)
    places = ndimage.find_objects(ids)  # by id, from 1: (rows, columns) as slices
    segments = []
    for segment in result.segments:
        rows, columns = places[segment.id - 1]
        segments.append(
            {
                "id": segment.id,
                "category_id": classes.ids[segment.label],
                "isthing": int(segment.is_thing),
                "area": int(areas[segment.id]),
                "bbox": [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start],
                "score": segment.score,
            }
        )
    return {"image_id": image_id, "file_name": file_name, "segments_info": segments}


def _categories(classes: Classes) -> list[dict[str, Any]]:
    return [
        {"id": id_, "name": name, "isthing": int(thing), "color": list(color)}
        for id_, name, thing, color in zip(classes.ids, classes.names, classes.things, classes.colors, strict=True)
    ]


def without_unsure(result: InstanceResult, score: float) -> InstanceResult:
    """The instances that score at least `score`."""
    sure = result.scores >= score
    return InstanceResult(result.labels[sure], result.scores[sure], result.masks[sure])
