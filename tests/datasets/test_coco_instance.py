"""COCO's instance format, by hand and on the real sample."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask

from segkit.datasets.coco_instance import CocoInstance
from segkit.datasets.coco_panoptic import CocoPanoptic
from segkit.errors import DataError
from segkit.ops.targets import pixel_counts, prepare_for_training, select_segments
from segkit.types import Target

SQUARE = [0, 0, 2, 0, 2, 2, 0, 2]
"""A polygon of the 2x2 pixels at the top left."""


def compressed(mask: list[list[int]]) -> dict[str, Any]:
    rle = coco_mask.encode(np.asfortranarray(np.array(mask, dtype=np.uint8)))
    return {"size": rle["size"], "counts": rle["counts"].decode()}


class Folder:
    """A dataset of two 4x3 images, the second without annotations, that a test may damage."""

    def __init__(self, root: Path) -> None:
        self.images, self.json = root / "images", root / "instances.json"
        self.images.mkdir()
        for name in ("b.jpg", "a.jpg"):
            Image.new("RGB", (4, 3)).save(self.images / name)
        self.data: dict[str, Any] = {
            "images": [
                {"id": 9, "file_name": "b.jpg", "height": 3, "width": 4},
                {"id": 4, "file_name": "a.jpg", "height": 3, "width": 4},
            ],
            "annotations": [],
            "categories": [{"id": 40, "name": "dog"}, {"id": 3, "name": "car"}],
        }
        self.add([SQUARE], 40)

    def add(self, segmentation: Any, category_id: int = 3, **more: Any) -> None:
        entry = {"image_id": 9, "category_id": category_id, "segmentation": segmentation, "area": 4}
        self.data["annotations"].append({**entry, **more})

    def read(self, **settings: Any) -> CocoInstance:
        self.json.write_text(json.dumps(self.data))
        return CocoInstance(**{"images": str(self.images), "annotations": str(self.json), **settings})

    def error(self, **settings: Any) -> str:
        with pytest.raises(DataError) as caught:
            self.read(**settings)[0]
        return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def target_of(dataset: CocoInstance | CocoPanoptic, index: int) -> Target:
    target = dataset[index].target
    assert target is not None
    return target


def test_sample(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.add({"size": [3, 4], "counts": [3, 6, 3]}, iscrowd=1, area=6.5)
    dataset = folder.read()
    sample, target = dataset[0], target_of(dataset, 0)
    assert len(dataset) == 2
    assert (sample.image_id, sample.file, sample.size) == (9, str(folder.images / "b.jpg"), (3, 4))
    assert target.overlapping_masks is not None
    assert target.overlapping_masks.dtype == torch.bool
    assert target.overlapping_masks.int().tolist() == [
        [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]],
        [[0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0]],
    ]
    assert target.labels.dtype == torch.int64
    assert target.labels.tolist() == [0, 1]
    assert target.is_crowd is not None
    assert target.is_crowd.tolist() == [False, True]
    assert target.areas is not None
    assert target.areas.tolist() == [4, 6.5]
    assert target.valid is None
    assert capsys.readouterr() == ("", "")


def test_classes(folder: Folder) -> None:
    classes = folder.read().classes
    assert (classes.names, classes.ids, classes.things) == (("dog", "car"), (40, 3), (True, True))


def test_image_without_annotations(folder: Folder) -> None:
    target = target_of(folder.read(), 1)
    assert len(target) == 0
    assert target.masks.shape == (0, 3, 4)
    assert target.labels.dtype == torch.int64
    assert len(prepare_for_training(target)) == 0


def test_annotations_in_another_order_than_images(folder: Folder) -> None:
    folder.data["annotations"].insert(0, {**folder.data["annotations"][0], "image_id": 4, "category_id": 3})
    folder.add([SQUARE])
    dataset = folder.read()
    assert target_of(dataset, 0).labels.tolist() == [0, 1]
    assert target_of(dataset, 1).labels.tolist() == [1]


def test_index_from_the_end(folder: Folder) -> None:
    dataset = folder.read()
    assert [len(target_of(dataset, index)) for index in (-1, -2)] == [0, 1]


def test_all_forms_of_one_mask(folder: Folder) -> None:
    folder.add(compressed([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]))
    folder.add({"size": [3, 4], "counts": [0, 2, 1, 2, 7]})
    folder.add([[0, 0, 1, 0, 1, 2, 0, 2], [1, 0, 2, 0, 2, 2, 1, 2]])
    folder.add([SQUARE, [3, 2, 3, 1]])
    masks = target_of(folder.read(), 0).masks
    assert len(masks) == 5
    assert torch.equal(masks, masks[:1].expand_as(masks))


@pytest.mark.parametrize(
    ("segmentation", "problem"),
    [
        ([], "the list of polygons is empty"),
        ([[0, 0, 2, 2]], "no polygon has three points"),
        ([[0, 0, 2, 0, 2]], "a polygon is not a flat list x1, y1, x2, y2, …"),
        (SQUARE, "a polygon is not a flat list x1, y1, x2, y2, …"),
        ([[0, 0, 2, 0, 2, float("nan")]], "a polygon has a coordinate that is not a number"),
        ([["a", 0, 2, 0, 2, 2]], "could not convert string to float: 'a'"),
        ({"size": [3, 4]}, "run lengths need 'size' and 'counts'"),
        (
            {"size": [4, 3], "counts": [12]},
            "the run lengths are of size [4, 3], but the image is [3, 4] (height, width)",
        ),
        ({"size": [3, 4], "counts": [3, 5]}, "the run lengths add up to 8 pixels, but the image has 12"),
        ({"size": [3, 4], "counts": [16, -4]}, "a run length is negative"),
        ({"size": [3, 4], "counts": []}, "the run lengths are empty"),
        ({"size": [3, 4], "counts": "3"}, "the run lengths add up to 3 pixels, but the image has 12"),
        ({"size": [3, 4], "counts": ""}, "the run lengths are empty"),
        ({"size": [3, 4], "counts": "zz"}, "the compressed run lengths are broken"),
        ({"size": [3, 4], "counts": "3é"}, "the compressed run lengths are broken"),
        ({"size": [3, 4], "counts": "P"}, "the compressed run lengths are broken"),
    ],
)
def test_invalid_segmentation(folder: Folder, segmentation: Any, problem: str) -> None:
    folder.add(segmentation)
    assert folder.error() == (
        f"{folder.json}: annotation 2 of image 9 (b.jpg) has an invalid segmentation: {problem}. Correct it or "
        f"remove it."
    )


def test_image_of_another_size(folder: Folder) -> None:
    Image.new("RGB", (8, 6)).save(folder.images / "b.jpg")
    assert folder.error() == (
        f"{folder.images / 'b.jpg'}: the image is 8x6 (upright), but {folder.json} gives 4x3. Take both from one "
        f"release, or scale the annotations with the image."
    )


def test_unknown_category(folder: Folder) -> None:
    folder.add([SQUARE], 99)
    assert folder.error() == (
        f"{folder.json}: image 9 (b.jpg) has segments of the category ids 99, which 'categories' does not list. Add "
        f"them there, or correct the segments."
    )


def test_annotation_of_an_unknown_image(folder: Folder) -> None:
    folder.add([SQUARE], image_id=10)
    assert folder.error() == (
        f"{folder.json}: there are annotations of the image ids 10, which 'images' does not list. Add the images or "
        f"remove these annotations."
    )


@pytest.mark.parametrize(
    ("name", "key", "keys"),
    [
        ("images", "height", "id, file_name, height, width"),
        ("annotations", "area", "image_id, category_id, segmentation, area"),
        ("categories", "id", "id, name"),
    ],
)
def test_missing_key(folder: Folder, name: str, key: str, keys: str) -> None:
    del folder.data[name][0][key]
    assert folder.error() == f"{folder.json}: {name}[0] has no '{key}'. Required keys: {keys}."


def test_segmentation_of_the_wrong_type(folder: Folder) -> None:
    folder.add(None)
    assert folder.error() == (
        f"{folder.json}: annotations[1].segmentation is 'None', but must be a list of polygons, or run lengths."
    )


def test_missing_image(folder: Folder) -> None:
    (folder.images / "b.jpg").unlink()
    assert folder.error() == f"{folder.images / 'b.jpg'}: there is no such file. Restore it or correct the path."


def test_missing_annotations(folder: Folder, tmp_path: Path) -> None:
    gone = tmp_path / "gone.json"
    assert folder.error(annotations=str(gone)) == (
        f"{gone}: there is no such file or folder. Did you mean 'instances.json'? Correct the path."
    )


def real(shared_data: Path, split: str, variant: str = "") -> CocoInstance:
    root = shared_data / "coco_panoptic_sample"
    annotations = root / "annotations" / f"instances_{split}{variant}.json"
    return CocoInstance(images=str(root / "images" / split), annotations=str(annotations))


@pytest.mark.parametrize(("split", "instances", "crowds"), [("train2017", 746, 6), ("val2017", 712, 5)])
def test_real_sample(shared_data: Path, split: str, instances: int, crowds: int) -> None:
    """Run lengths equal the things of the panoptic targets; polygons differ at outlines only."""
    root = shared_data / "coco_panoptic_sample"
    panoptic = CocoPanoptic(
        images=str(root / "images" / split),
        annotations=str(root / "annotations" / f"panoptic_{split}.json"),
        masks=str(root / "annotations" / f"panoptic_{split}"),
    )
    exact, drawn = real(shared_data, split), real(shared_data, split, "_poly")
    assert len(exact) == len(drawn) == 100
    assert len(exact.classes) == 80
    things = torch.tensor(panoptic.classes.things)
    found, found_crowds, shared, union = 0, 0, 0, 0
    for index in range(100):
        expected, target, polygons = target_of(panoptic, index), target_of(exact, index), target_of(drawn, index)
        expected = select_segments(expected, things[expected.labels])
        assert torch.equal(target.masks, expected.masks)
        assert torch.equal(target.labels, expected.labels)
        assert target.is_crowd is not None
        assert expected.is_crowd is not None
        assert target.areas is not None
        assert torch.equal(target.is_crowd, expected.is_crowd)
        assert target.areas.tolist() == pixel_counts(target).tolist()
        found, found_crowds = found + len(target), found_crowds + int(target.is_crowd.sum())
        shared += int((target.masks & polygons.masks).sum())
        union += int((target.masks | polygons.masks).sum())
    assert (found, found_crowds) == (instances, crowds)
    assert shared / union > 0.97


def test_real_images_without_things(shared_data: Path) -> None:
    dataset = real(shared_data, "train2017")
    empty = [
        sample for sample in map(dataset.__getitem__, range(100)) if sample.target is not None and not sample.target
    ]
    assert sorted(int(sample.image_id) for sample in empty) == [250, 508]
    assert all(sample.target is not None and sample.target.masks.shape == (0, *sample.size) for sample in empty)
