"""An odd value at any place of a JSON file is an error that names the place, or it is read as what it means.

Each place has a rule that returns the meaning of a value. The dataset with the odd value must equal the dataset with
the meaning in its place; without a meaning, there must be a DataError that names the file and the key.
"""

import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segkit.data.class_list import read_classes
from segkit.datasets.coco_instance import CocoInstance
from segkit.datasets.coco_panoptic import CocoPanoptic
from segkit.datasets.mask_folder import MaskFolder
from segkit.errors import DataError
from tests.helpers.odd_values import (
    ODD_VALUES,
    REFUSED,
    category_meant,
    flag_meant,
    id_meant,
    integer_meant,
    number_meant,
    replaced,
    text_meant,
)
from tests.helpers.odd_values import Path as Place

Rule = Callable[[Any], Any]

HEIGHT, WIDTH = 6, 8
IMAGES = [
    {"id": 0, "file_name": "0.png", "height": HEIGHT, "width": WIDTH},
    {"id": 1, "file_name": "1.png", "height": HEIGHT, "width": WIDTH},
]
CATEGORIES = [
    {"id": 1, "name": "box", "isthing": 1, "color": [1, 2, 3]},
    {"id": 2, "name": "sky", "isthing": 0, "color": [4, 5, 6]},
]
INSTANCE = {
    "images": IMAGES,
    "annotations": [
        {"id": 1, "image_id": 0, "category_id": 1, "iscrowd": 0, "area": 8, "segmentation": [[1, 1, 5, 1, 5, 3, 1, 3]]},
        {
            "id": 2,
            "image_id": 1,
            "category_id": 2,
            "iscrowd": 1,
            "area": 2,
            "segmentation": {"size": [HEIGHT, WIDTH], "counts": [1, 2, 45]},
        },
    ],
    "categories": CATEGORIES,
}
PANOPTIC = {
    "images": IMAGES,
    "annotations": [
        {
            "image_id": 0,
            "file_name": "0.png",
            "segments_info": [
                {"id": 1, "category_id": 1, "iscrowd": 0, "area": 24},
                {"id": 2, "category_id": 2, "iscrowd": 1, "area": 24},
            ],
        }
    ],
    "categories": CATEGORIES,
}


def optional(rule: Rule, default: Any) -> Rule:
    """Returns the rule of a key that may be null."""
    return lambda value: default if value is None else rule(value)


def within(low: int, high: int) -> Rule:
    return lambda value: integer_meant(value, low, high)


def area_meant(value: Any) -> Any:
    number = number_meant(value)
    return number if number is not REFUSED and 0 <= number < 2**31 else REFUSED


def color_meant(value: Any) -> Any:
    """Returns None for a color that cannot be read: it is replaced, as one that is missing."""
    return value if value == [1, 2, 3] else None


def channel_meant(value: Any) -> Any:
    """Returns a value of a color whose other values are 2 and 3; None makes it none."""
    number = number_meant(value)
    return int(number) if number is not REFUSED and 0 <= number <= 255 and number == int(number) else None


def refused(value: Any) -> Any:
    """Returns that no odd value is right in place of a list or a mapping."""
    return REFUSED


def entry_list_meant(value: Any) -> Any:
    return value if value == [] else REFUSED


POLYGON = ("annotations", 0, "segmentation")
RUNS = ("annotations", 1, "segmentation")
CLASS_PLACES: dict[Place, Rule] = {
    ("categories",): refused,
    ("categories", 0): refused,
    ("categories", 0, "id"): category_meant,
    ("categories", 0, "name"): text_meant,
    ("categories", 0, "color"): color_meant,
    ("categories", 0, "color", 0): channel_meant,
}
IMAGE_PLACES: dict[Place, Rule] = {
    (): refused,
    ("images",): refused,
    ("images", 0): refused,
    ("images", 0, "id"): id_meant,
    ("images", 0, "file_name"): text_meant,
    ("annotations",): entry_list_meant,
    ("annotations", 0): refused,
    ("annotations", 0, "image_id"): id_meant,
}
INSTANCE_PLACES: dict[Place, Rule] = {
    **IMAGE_PLACES,
    **CLASS_PLACES,
    ("categories", 1, "isthing"): optional(flag_meant, 1),
    ("images", 0, "height"): within(1, 2**31 // WIDTH),
    ("annotations", 0, "id"): optional(id_meant, None),
    ("annotations", 0, "category_id"): category_meant,
    ("annotations", 0, "iscrowd"): optional(flag_meant, 0),
    ("annotations", 0, "area"): optional(area_meant, None),
    POLYGON: refused,
    (*POLYGON, 0): refused,
    (*POLYGON, 0, 2): number_meant,
    RUNS: refused,
    (*RUNS, "size"): refused,
    (*RUNS, "size", 0): integer_meant,
    (*RUNS, "counts"): refused,
    (*RUNS, "counts", 0): integer_meant,
}
SEGMENT = ("annotations", 0, "segments_info", 0)
PANOPTIC_PLACES: dict[Place, Rule] = {
    **IMAGE_PLACES,
    **CLASS_PLACES,
    ("categories", 1, "isthing"): flag_meant,
    ("annotations", 0, "file_name"): text_meant,
    ("annotations", 0, "segments_info"): entry_list_meant,
    SEGMENT: refused,
    (*SEGMENT, "id"): within(1, 2**24 - 1),
    (*SEGMENT, "category_id"): category_meant,
    (*SEGMENT, "iscrowd"): optional(flag_meant, 0),
    (*SEGMENT, "area"): optional(area_meant, None),
}
LIST_PLACES: dict[Place, Rule] = {
    **CLASS_PLACES,
    ("categories",): lambda value: value if value in (["1"], {"a": 1}, {"id": 1}) else REFUSED,
    ("categories", 0): lambda value: value if value == {"name": "x"} else text_meant(value),
    ("categories", 0, "id"): optional(integer_meant, 0),
    ("categories", 0, "isthing"): optional(flag_meant, 0),
}
LABEL_PLACES: dict[Place, Rule] = {
    **LIST_PLACES,
    ("categories", 0, "id"): optional(within(0, 65535), 0),
    ("ignore_index",): optional(within(0, 65535), None),
}


class Reader:
    """Reads one kind of JSON in a folder with the images it lists."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.file = kind, folder / "a.json"
        self.images, self.masks, self.labels = folder / "images", folder / "masks", folder / "labels"
        for place in (self.images, self.masks, self.labels):
            place.mkdir()
        for name in ("0.png", "1.png"):
            Image.new("RGB", (WIDTH, HEIGHT)).save(self.images / name)
            Image.new("L", (WIDTH, HEIGHT)).save(self.labels / name)
        ids = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
        ids[: HEIGHT // 2, :, 0], ids[HEIGHT // 2 :, :, 0] = 1, 2
        Image.fromarray(ids).save(self.masks / "0.png")

    def read(self, data: Any) -> list[Any]:
        """Returns all that is read, in a form that can be compared."""
        self.file.write_text(json.dumps(data))
        if self.kind == "class list":
            return [read_classes(self.file).to_dict()]
        if self.kind == "label files":
            folder = MaskFolder(images=str(self.images), labels=str(self.labels), classes=str(self.file))
            return [folder.classes.to_dict(), folder.classes.void]
        dataset: CocoInstance | CocoPanoptic
        if self.kind == "instance":
            dataset = CocoInstance(images=str(self.images), annotations=str(self.file))
        else:
            dataset = CocoPanoptic(images=str(self.images), annotations=str(self.file), masks=str(self.masks))
        found: list[Any] = [dataset.classes.to_dict()]
        for index in (0, 1):
            sample = dataset[index]
            target = sample.target
            assert target is not None
            assert target.is_crowd is not None
            assert target.areas is not None
            found.append(
                (
                    str(sample.image_id),
                    sample.size,
                    target.labels.tolist(),
                    target.masks.tolist(),
                    target.is_crowd.tolist(),
                    target.areas.tolist(),
                )
            )
        return found

    def outcome(self, data: Any) -> list[Any] | str:
        """Returns what is read, or the error message."""
        try:
            return self.read(data)
        except DataError as error:
            return str(error)


KINDS = {
    "instance": (INSTANCE, INSTANCE_PLACES),
    "panoptic": (PANOPTIC, PANOPTIC_PLACES),
    "class list": ({"categories": CATEGORIES}, LIST_PLACES),
    "label files": ({"categories": CATEGORIES, "ignore_index": 3}, LABEL_PLACES),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("kind", "place"), [(kind, place) for kind, (_, places) in KINDS.items() for place in places])
def test_an_odd_value_is_refused_or_means_what_it_says(tmp_path: Path, kind: str, place: Place) -> None:
    data, places = KINDS[kind]
    reader = Reader(kind, tmp_path)
    keys = [step for step in place if isinstance(step, str)]
    for value in ODD_VALUES:
        outcome = reader.outcome(replaced(data, place, value))
        meaning = places[place](value)
        if isinstance(outcome, str):
            # Only a dataset has another possible place: the files that the JSON file names.
            where = reader.file if kind in ("class list", "label files") else tmp_path
            assert all(line.startswith(f"{where}") for line in outcome.splitlines()), (value, outcome)
            assert all(len(line) < 500 for line in outcome.splitlines()), (value, outcome)
            assert all(line.isprintable() for line in outcome.splitlines()), (value, outcome)
            if meaning is REFUSED:
                assert not keys or any(key in outcome for key in keys[-2:]), (value, outcome)
                continue
        assert meaning is not REFUSED, f"{value!r} was read as {outcome}"
        right = reader.outcome(replaced(data, place, meaning))
        if isinstance(right, str):
            assert isinstance(outcome, str), (value, right)
        else:
            assert outcome == right, value


def test_the_data_themselves_are_read(tmp_path: Path) -> None:
    for number, (kind, (data, _)) in enumerate(KINDS.items()):
        (tmp_path / str(number)).mkdir()
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            assert isinstance(Reader(kind, tmp_path / str(number)).read(data), list)


@pytest.mark.parametrize("ids", [("7", "007"), ("1", "01"), ("a", "A")])
def test_ids_that_are_spelled_differently_are_different(tmp_path: Path, ids: tuple[str, str]) -> None:
    reader = Reader("instance", tmp_path)
    data = INSTANCE
    for index, id in enumerate(ids):
        data = replaced(replaced(data, ("images", index, "id"), id), ("annotations", index, "image_id"), id)
    right, found = reader.read(INSTANCE), reader.read(data)
    assert [image[2:] for image in found[1:]] == [image[2:] for image in right[1:]]
    with pytest.raises(DataError, match="'image_id' is "):
        reader.read(replaced(data, ("annotations", 0, "image_id"), f"0{ids[1]}"))


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", "1" * 400, "1" * 5000, "1e-400"])
@pytest.mark.parametrize("key", ["id", "image_id", "category_id", "area", "iscrowd"])
def test_numbers_that_only_text_can_hold(tmp_path: Path, number: str, key: str) -> None:
    reader = Reader("instance", tmp_path)
    text = json.dumps(replaced(INSTANCE, ("annotations", 0, key), "HERE")).replace('"HERE"', number)
    reader.file.write_text(text)
    if number == "1e-400" and key in ("image_id", "id", "area", "iscrowd"):  # 0.0 to every JSON reader
        assert math.isclose(float(number), 0)
        return
    with pytest.raises(DataError) as error:
        CocoInstance(images=str(reader.images), annotations=str(reader.file))
    assert str(error.value).startswith(f"{reader.file}: ")
    assert "annotations[0]" in str(error.value) or "cannot read JSON" in str(error.value)
