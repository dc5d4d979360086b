"""Results as files: label PNGs, COCO instance JSON, COCO panoptic PNGs with their JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from segkit.classes import Classes
from segkit.errors import ConfigError, DataError
from segkit.ops.run_length import Rle, encode_crop, encode_masks, rle_to_json
from segkit.results.cityscapes import cityscapes_id, save_instances
from segkit.results.json_list import JsonList
from segkit.results.names import OutputNames
from segkit.results.png import save_png
from segkit.results.targets import TASKS
from segkit.types import InstanceResult, LargeInstanceResult, PanopticResult, Result, SemanticResult

ResultFormat = Literal["coco", "cityscapes", "ade20k"]
"""The data whose official tools shall read the files."""

_DIFFERENT: dict[ResultFormat, tuple[type, ...]] = {
    "cityscapes": (InstanceResult, PanopticResult),
    "ade20k": (SemanticResult,),
}
"""The results whose files are not those of `coco`."""

_PIXELS_AT_A_TIME = 1 << 22
"""Pixels of a map that are looked at together: a large image has no memory for another map."""

IMAGE_KEY = "picture"
"""Key of an image's own file in the panoptic format, whose `file_name` is that of the PNG."""


def refuse_useless_format(result_format: ResultFormat, result_types: Iterable[type]) -> None:
    """Checks that a format changes the files of some results.

    Args:
        result_format: The format that is asked for.
        result_types: Of the results that shall be written.

    Raises:
        ConfigError: All files are those of `coco`.

    Example:
        >>> refuse_useless_format("ade20k", [InstanceResult])
        Traceback (most recent call last):
        segkit.errors.ConfigError: --result-format: 'ade20k' has no effect on instance results: their files are those \
of 'coco', which its tools read. Use 'coco'.
    """
    given = list(result_types)
    if result_format in _DIFFERENT and not set(given) & set(_DIFFERENT[result_format]):
        tasks = " and ".join(TASKS[one] for one in given)
        raise ConfigError(
            f"--result-format: '{result_format}' has no effect on {tasks} results: their files are those of 'coco', "
            "which its tools read. Use 'coco'."
        )


class ListFrame(NamedTuple):
    """What a JSON file of results has around its items."""

    name: str
    head: str
    tail: str


def list_frame(result_type: type, classes: Classes, result_format: ResultFormat) -> ListFrame | None:
    """Returns the JSON file for results of a type; None where each image has files of its own only.

    Example:
        >>> list_frame(InstanceResult, Classes.make(["car"]), "coco")
        ListFrame(name='instances.json', head='[', tail=']')
    """
    if result_type is PanopticResult:
        # COCO's panoptic JSON is an object, whose last key holds the list.
        head = f'{{"categories": {json.dumps(_categories(classes))},\n"annotations": ['
        return ListFrame("panoptic.json", head, "]}")
    if result_type is InstanceResult and result_format != "cityscapes":
        return ListFrame("instances.json", "[", "]")
    return None


class Written(NamedTuple):
    """What is written of an image."""

    files: list[Path]
    entries: list[dict[str, object]]
    """Its items in the JSON file."""


class ResultWriter:
    """Writes results of many images into a folder, each as it comes; none is kept in memory.

    * semantic: `semantic/<name>.png`, a label map of the classes' own ids (`save_label_map`);
    * instance: `instances.json`, a list of COCO results with run lengths;
    * panoptic: `panoptic/<name>.png` and `panoptic.json`, COCO's panoptic format.

    The tools of other data than COCO want other files: for `cityscapes`, instances are `instance/<name>.txt` with
    binary PNGs, and panoptic image ids `<city>_<sequence>_<frame>`; for `ade20k`, the ids of label maps count the
    classes from 1.

    It is a context manager: leaving it completes the JSON files. After an error or a signal they list what was written
    before, and a process that is killed leaves none.

    Args:
        folder: Where to write; made with the first result.
        classes: Of the results.
        names: Makes the `<name>` of each image. Pass an object in use, so that other files get the same names.
        result_format: Whose tools shall read the files.

    Example:
        >>> import tempfile
        >>> import torch
        >>> result = SemanticResult(torch.zeros(4, 6, dtype=torch.int64))
        >>> with tempfile.TemporaryDirectory() as folder, ResultWriter(folder, Classes.make(["sky"])) as writer:
        ...     writer.write(result, "street.jpg", image_id=1)
        ...     [str(file.relative_to(folder)) for file in Path(folder).rglob("*.png")]
        ['semantic/street.png']
    """

    def __init__(
        self,
        folder: Path | str,
        classes: Classes,
        names: OutputNames | None = None,
        result_format: ResultFormat = "coco",
    ) -> None:
        self.folder = Path(folder)
        self.classes = classes
        self.names = names or OutputNames()
        self.result_format = result_format
        self._lists: dict[str, JsonList] = {}

    def write(self, result: Result, file: str | Path, image_id: int | str) -> None:
        """Writes the result of one image.

        Raises:
            WriteError: A file cannot be written.
        """
        frame = list_frame(type(result), self.classes, self.result_format)
        if frame is not None and frame.name not in self._lists:
            self._lists[frame.name] = JsonList(self.folder / frame.name, frame.head, frame.tail)
        written = self.write_files(result, file, image_id)
        if frame is not None:
            self._lists[frame.name].add(*written.entries)

    def write_files(self, result: Result, file: str | Path, image_id: int | str) -> Written:
        """Writes what an image has for itself. The items of the JSON file are returned.

        Raises:
            WriteError: A file cannot be written.
        """
        name, file = self.names.of(file), str(file)
        if isinstance(result, SemanticResult):
            from_one = replace(self.classes, ids=tuple(range(1, len(self.classes) + 1)))
            classes = from_one if self.result_format == "ade20k" else self.classes
            path = self.folder / "semantic" / f"{name}.png"
            save_label_map(result, classes, path)
            return Written([path], [])
        if isinstance(result, InstanceResult):
            if self.result_format == "cityscapes":
                return Written(save_instances(result, self.classes, self.folder / "instance", name), [])
            entries = instance_entries(result, self.classes, image_id)
            return Written([], [{**entry, "file_name": file} for entry in entries])
        path = self.folder / "panoptic" / f"{name}.png"
        save_panoptic_map(result, path)
        image_id = cityscapes_id(file) if self.result_format == "cityscapes" else image_id
        entry = panoptic_entry(result, self.classes, image_id, path.name)
        return Written([path], [{**entry, IMAGE_KEY: file}])

    def close(self) -> None:
        """Completes the JSON files."""
        for part in self._lists.values():
            part.close()

    def __enter__(self) -> ResultWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def save_label_map(result: SemanticResult, classes: Classes, path: Path) -> None:
    """Writes a label map as a PNG of the classes' own ids.

    It has 8 bits and the classes' colors as its palette; 16 bits and no palette if an id is above 255.

    Raises:
        DataError: An id needs more than 16 bits.
        WriteError: The file cannot be written.
    """
    largest = max(classes.ids, default=0)
    outside = [stored for stored in classes.ids if not 0 <= stored <= 65535]
    if outside:
        raise DataError(
            f"{path}: the class id {outside[0]} does not fit into a PNG of 16 bits. Give the classes ids of 0..65535."
        )
    # One lookup turns class indices into ids.
    table = np.array(classes.ids, dtype=np.uint8 if largest < 256 else np.uint16)
    label_map = result.label_map.cpu().numpy()
    image = Image.new("L" if largest < 256 else "I;16", (label_map.shape[1], label_map.shape[0]))
    for rows in _bands(label_map):
        image.paste(Image.fromarray(table[label_map[rows]]), (0, rows.start))
    if largest < 256:
        palette = np.zeros((256, 3), dtype=np.uint8)  # ids without a class stay black
        palette[list(classes.ids)] = classes.colors
        image.putpalette(palette.tobytes())
    save_png(image, path)


def instance_entries(result: InstanceResult, classes: Classes, image_id: int | str) -> list[dict[str, object]]:
    """Returns COCO results, one per instance.

    Their keys are `image_id`, `category_id`, `segmentation` (run lengths) and `score`. There is no `bbox`: where one is
    present, pycocotools takes its area for that of the mask, and the metrics by size differ.

    Example:
        >>> import torch
        >>> result = InstanceResult(torch.tensor([0]), torch.tensor([0.5]), torch.ones(1, 2, 3, dtype=torch.bool))
        >>> instance_entries(result, Classes.make(["car"]), image_id=7)[0]["segmentation"]["size"]
        [2, 3]
    """
    return [
        {
            "image_id": image_id,
            "category_id": classes.json_ids[label],
            "segmentation": rle_to_json(rle),
            "score": score,
        }
        for label, score, rle in zip(result.labels.tolist(), result.scores.tolist(), _rles_of(result), strict=True)
    ]


def _rles_of(result: InstanceResult) -> Iterable[Rle]:
    if isinstance(result, LargeInstanceResult):
        return (encode_crop(crop.mask, crop.top, crop.left, result.size) for crop in result.crops)
    return encode_masks(result.masks)


def save_panoptic_map(result: PanopticResult, path: Path) -> None:
    """Writes COCO's panoptic PNG: the segment id of a pixel is red + 256 * green + 65536 * blue, 0 for none."""
    ids = result.segment_map.cpu().numpy()
    image = Image.new("RGB", (ids.shape[1], ids.shape[0]))
    for rows in _bands(ids):
        part = ids[rows]
        colors = np.stack([part % 256, part // 256 % 256, part // 65536], -1).astype(np.uint8)
        image.paste(Image.fromarray(colors), (0, rows.start))
    save_png(image, path)


def panoptic_entry(result: PanopticResult, classes: Classes, image_id: int | str, file_name: str) -> dict[str, object]:
    """Returns COCO's panoptic annotation of one image; `file_name` is that of its PNG."""
    ids: NDArray[np.int32] = result.segment_map.cpu().numpy()
    # All areas and boxes in one pass each, whatever the number of segments.
    largest = max((segment.id for segment in result.segments), default=0)
    areas = np.zeros(largest + 1, np.int64)
    for band in _bands(ids):
        areas += np.bincount(ids[band].ravel(), minlength=largest + 1)
    boxes = ndimage.find_objects(ids)  # by id, from 1: (rows, columns) as slices
    segments = []
    for segment in result.segments:
        rows, columns = boxes[segment.id - 1]
        segments.append(
            {
                "id": segment.id,
                "category_id": classes.json_ids[segment.label],
                "isthing": int(segment.is_thing),
                "area": int(areas[segment.id]),
                "bbox": [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start],
                "score": segment.score,
            }
        )
    return {"image_id": image_id, "file_name": file_name, "segments_info": segments}


def _bands(values: NDArray[np.generic]) -> Iterator[slice]:
    """Yields the rows of (H,W) that are looked at together."""
    rows = max(1, _PIXELS_AT_A_TIME // max(1, values.shape[1]))
    for top in range(0, values.shape[0], rows):
        yield slice(top, min(top + rows, values.shape[0]))


def _categories(classes: Classes) -> list[dict[str, object]]:
    return [
        {"id": id_, "name": name, "isthing": int(thing), "color": list(color)}
        for id_, name, thing, color in zip(classes.json_ids, classes.names, classes.things, classes.colors, strict=True)
    ]
