"""Damaged JSON files: each is read, or refused with an error that names it; nothing else is raised."""

import json
import random
import warnings

import pytest
from PIL import Image

from segkit.checkpoint import read_classes
from segkit.datasets.coco_instance import CocoInstance
from segkit.datasets.coco_panoptic import CocoPanoptic
from segkit.datasets.labelme import Labelme
from segkit.errors import SegkitError

SQUARE = [[1, 1, 6, 1, 6, 5, 1, 5]]
RUNS = {"size": [8, 10], "counts": [10, 20, 50]}
CATEGORIES = [
    {"id": 1, "name": "car", "isthing": 1, "color": [9, 8, 7]},
    {"id": 7, "name": "road", "isthing": 0, "color": [1, 2, 3]},
]
IMAGES = [{"id": 3, "file_name": "a.png", "width": 10, "height": 8}]
OBJECT = {"image_id": 3, "category_id": 1, "iscrowd": 0, "area": 20.0, "bbox": [1, 1, 5, 4]}
SEGMENT = {"id": 258, "category_id": 1, "area": 20, "bbox": [1, 1, 5, 4], "iscrowd": 0}
FILES = {
    "coco_instance": {
        "images": IMAGES,
        "categories": CATEGORIES,
        "annotations": [{"id": 1, "segmentation": SQUARE, **OBJECT}, {"id": 2, "segmentation": RUNS, **OBJECT}],
    },
    "coco_panoptic": {
        "images": IMAGES,
        "categories": CATEGORIES,
        "annotations": [{"image_id": 3, "file_name": "a.png", "segments_info": [SEGMENT]}],
    },
    "labelme": {
        "imagePath": "a.png",
        "imageWidth": 10,
        "imageHeight": 8,
        "shapes": [{"label": "car", "points": [[1, 1], [6, 1], [6, 5]], "shape_type": "polygon", "group_id": None}],
    },
    "classes": {
        "names": ["car", "road"],
        "things": [True, False],
        "countable": [True, False],
        "ids": [1, 7],
        "colors": [[9, 8, 7], [1, 2, 3]],
    },
}
"""A sound file of each kind."""


def read(kind, folder, name):
    """Reads a file of one kind, and everything that it stands for."""
    if kind == "classes":
        return read_classes(folder)
    if kind == "labelme":
        dataset = Labelme(folder=str(folder), classes=["car"])
    elif kind == "coco_panoptic":
        dataset = CocoPanoptic(images=str(folder), annotations=str(folder / name), masks=str(folder / "masks"))
    else:
        dataset = CocoInstance(images=str(folder), annotations=str(folder / name))
    return [dataset[index] for index in range(len(dataset))]


ODD = [None, True, -1, 0, 2**31, 2**63, 1e308, 0.5, "", "a", "../a.png", "/etc/passwd", "\x00", [], {}, [[]], [None]]


def changed(value, draw):
    """Returns a copy of a JSON value with one of its inner values replaced, removed or repeated."""
    if not isinstance(value, list | dict) or not value or draw.random() < 0.1:
        return draw.choice(ODD)
    copied = value.copy()
    key = draw.choice(list(copied)) if isinstance(copied, dict) else draw.randrange(len(copied))
    what = draw.random()
    if what < 0.1:
        del copied[key]
    elif what < 0.2 and isinstance(copied, list):
        copied.append(copied[key])
    else:
        copied[key] = changed(copied[key], draw)
    return copied


def damaged(content, draw):
    """Returns the bytes of a file after an accident, or with a value that no tool should write."""
    if draw.random() < 0.6:
        return json.dumps(changed(content, draw)).encode()
    data = bytearray(json.dumps(content).encode())
    start = draw.randrange(len(data))
    kind = draw.randrange(4)
    if kind == 0:
        del data[start:]
    elif kind == 1:
        data[start] ^= 1 << draw.randrange(8)
    elif kind == 2:
        del data[start : start + draw.choice([1, 4, 16])]
    else:
        data[start:start] = draw.choice([b"[" * 100_000, b'{"a":' * 100_000, b"\xff", b"9" * 5000, b"1e999", b"NaN"])
    return bytes(data)


def check_many(folder, count, seed):
    draw = random.Random(seed)
    kinds = list(FILES)
    Image.new("RGB", (10, 8)).save(folder / "a.png")
    (folder / "masks").mkdir()
    mask = Image.new("RGB", (10, 8))
    mask.paste((2, 1, 0), (1, 1, 6, 5))
    mask.save(folder / "masks/a.png")
    refused = 0
    for number in range(count):
        kind = kinds[number % len(kinds)]
        name = {"labelme": "a.json", "classes": "classes.json"}.get(kind, "annotations.json")
        (folder / name).write_bytes(damaged(FILES[kind], draw))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            message = None
            try:
                read(kind, folder, name)
            except SegkitError as error:
                message = str(error)
        if message is not None:
            refused += 1
            assert str(folder) in message, message
        (folder / name).unlink()
    assert refused > count // 4


@pytest.mark.parametrize("kind", FILES)
def test_sound_files_are_read(tmp_path, kind):
    name = {"labelme": "a.json", "classes": "classes.json"}.get(kind, "annotations.json")
    Image.new("RGB", (10, 8)).save(tmp_path / "a.png")
    (tmp_path / "masks").mkdir()
    mask = Image.new("RGB", (10, 8))
    mask.paste((2, 1, 0), (1, 1, 6, 5))
    mask.save(tmp_path / "masks/a.png")
    (tmp_path / name).write_text(json.dumps(FILES[kind]))
    assert len(read(kind, tmp_path, name)) == (2 if kind == "classes" else 1)


def test_a_name_that_no_system_allows(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(FILES["labelme"] | {"imagePath": "a" * 5000}))
    with pytest.raises(SegkitError) as caught:
        Labelme(folder=str(tmp_path), classes=["car"])
    assert str(caught.value) == (
        f"{tmp_path}/a.json: 'imagePath': there is no file {tmp_path}/{'a' * 300}. Put it there, or name the folder of "
        "the images in 'images'."
    )


def test_damaged_files(tmp_path):
    check_many(tmp_path, 500, seed=0)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 11))
def test_many_damaged_files(tmp_path, seed):
    check_many(tmp_path, 1000, seed)
