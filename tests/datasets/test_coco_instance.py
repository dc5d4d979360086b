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
from segkit.errors import DataError, DataWarning
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


FLAT = "a polygon is not a flat list x1, y1, x2, y2, …"


@pytest.mark.parametrize(
    ("segmentation", "problem"),
    [
        ([], "the list of polygons is empty. A box alone has no mask: draw its polygon"),
        ([[]], "no polygon has three points"),
        ([[0, 0, 2, 2]], "no polygon has three points"),
        ([[0, 0, 2, 0, 2]], FLAT),
        (SQUARE, FLAT),
        ([[[0, 0], [2, 0], [2, 2], [0, 2]]], FLAT),
        ([{"x": 1, "y": 2}], FLAT),
        ([[0, 0, 2, 0, 2, float("nan")]], "a polygon has the coordinate NaN, which is not a finite number"),
        ([[0, 0, 2, 0, 2, 10**400]], f"a polygon has the coordinate 1{'0' * 39}…, which is not a finite number"),
        ([["a", 0, 2, 0, 2, 2]], 'a polygon has the coordinate "a", which is not a finite number'),
        ([[True, 0, 2, 0, 2, 2]], "a polygon has the coordinate true, which is not a finite number"),
        ([[None, 0, 2, 0, 2, 2]], "a polygon has the coordinate null, which is not a finite number"),
        ("", 'it is "", but must be a list of polygons, or run lengths'),
        (None, "it is null, but must be a list of polygons, or run lengths"),
        ({"size": [3, 4]}, "run lengths need 'size' and 'counts'"),
        (
            {"size": [4, 3], "counts": [12]},
            "the run lengths are of size [4, 3], but the image is [3, 4] (height, width)",
        ),
        ({"size": [3, 4], "counts": [3, 5]}, "the run lengths add up to 8 pixels, but the image has 12 (4x3)"),
        ({"size": [3, 4], "counts": [16, -4]}, "a run length is negative"),
        ({"size": [3, 4], "counts": []}, "the run lengths are empty"),
        (
            {"size": [3, 4], "counts": [2**62, 2**62, 12]},
            f"the run lengths add up to {2**63 + 12} pixels, but the image has 12 (4x3)",
        ),
        (
            {"size": [3, 4], "counts": [True, 11]},
            "'counts' of the run lengths has the value true, but each must be a whole number",
        ),
        ({"size": [3, 4], "counts": None}, "'counts' of the run lengths is null, but must be a list"),
        ({"size": "3x4", "counts": [12]}, "'size' of the run lengths is \"3x4\", but must be a list"),
        ({"size": [3, 4], "counts": "3"}, "the run lengths add up to 3 pixels, but the image has 12 (4x3)"),
        ({"size": [3, 4], "counts": ""}, "the run lengths are empty"),
        ({"size": [3, 4], "counts": "zz"}, "the compressed run lengths are broken"),
        ({"size": [3, 4], "counts": "3é"}, "the compressed run lengths are broken"),
        ({"size": [3, 4], "counts": "3\ud800"}, "the compressed run lengths are broken"),
        ({"size": [3, 4], "counts": "P"}, "the compressed run lengths are broken"),
    ],
)
def test_invalid_segmentation(folder: Folder, segmentation: Any, problem: str) -> None:
    folder.add(segmentation, id=77)
    assert folder.error() == (
        f"{folder.json}: annotations[1] (id 77): 'segmentation' of image 9 (b.jpg): {problem}. Correct it or remove "
        f"the annotation."
    )


def test_numbers_as_text_and_whole_numbers_as_floats(folder: Folder) -> None:
    folder.data["images"][0] |= {"id": 9.0, "height": "3", "width": 4.0}
    folder.data["categories"][0]["id"] = "40"
    folder.data["annotations"][0] |= {"image_id": "9", "category_id": 40.0, "iscrowd": "0", "area": "4.0", "id": None}
    folder.add([["0", 0, "2.0", 0, 2, 2, 0, 2]], iscrowd="1", area=None)
    folder.add({"size": ["3", 4.0], "counts": ["0", 2, 1.0, 2, 7]}, iscrowd=True)
    folder.add([SQUARE], iscrowd=None)
    target = target_of(folder.read(), 0)
    assert torch.equal(target.masks, target.masks[:1].expand_as(target.masks))
    assert target.is_crowd is not None
    assert target.areas is not None
    assert target.is_crowd.tolist() == [False, True, True, False]
    assert target.areas.tolist() == [4, 4, 4, 4]
    assert folder.read().segments.is_crowd.sum() == 2


def test_the_area_follows_from_the_mask_where_it_is_missing(folder: Folder) -> None:
    del folder.data["annotations"][0]["area"]
    folder.add({"size": [3, 4], "counts": [3, 6, 3]}, area=6.5)
    folder.add({"size": [3, 4], "counts": [3, 6, 3]}, area=None)
    areas = target_of(folder.read(), 0).areas
    assert areas is not None
    assert areas.tolist() == [4, 6.5, 6]
    assert areas.dtype == torch.float32


@pytest.mark.parametrize(("listed", "named"), [(9, "9"), ("9", 9), ("9", "9"), ("009", "009")])
def test_image_ids_of_which_one_is_text(folder: Folder, listed: Any, named: Any) -> None:
    folder.data["images"][0]["id"] = listed
    folder.data["annotations"][0]["image_id"] = named
    dataset = folder.read()
    assert len(target_of(dataset, 0)) == 1
    assert dataset[0].image_id == listed


@pytest.mark.parametrize(("listed", "named"), [(9, "009"), ("009", 9), ("09", "9")])
def test_image_ids_with_leading_zeros_are_text(folder: Folder, listed: Any, named: Any) -> None:
    folder.data["images"][0]["id"] = listed
    folder.data["annotations"][0]["image_id"] = named
    hint = ", only 9: with leading zeros, text is another id" if named == "009" else ""
    assert f"'images' does not list this id{hint}. Add the image or remove the annotation." in folder.error()


def test_category_ids_with_leading_zeros_are_text(folder: Folder) -> None:
    folder.data["annotations"][0]["category_id"] = f"0{folder.data['annotations'][0]['category_id']}"
    assert (
        "'categories' does not list this id, only 40: with leading zeros, text is another id. Add it there, or correct "
        "it here." in folder.error()
    )


def test_a_wrong_name_or_height_hides_no_other_problem(folder: Folder) -> None:
    folder.data["categories"][0]["name"] = ""
    folder.data["images"][0]["height"] = 0
    folder.add([], id=21)
    folder.add([SQUARE], 99, id=22)
    folder.add([[0, 0, 1]], id=23, image_id="nowhere")
    lines = folder.error().splitlines()
    assert ["'name'" in lines[0], "'height'" in lines[1]] == [True, True]
    assert [line.partition("(id 2")[2] for line in lines[2:]] == [
        "1): 'segmentation' of image 9 (b.jpg): the list of polygons is empty. A box alone has no mask: draw its "
        "polygon. Correct it or remove the annotation.",
        "2): 'category_id' is 99, but 'categories' does not list this id. Add it there, or correct it here.",
        "3): 'image_id' is \"nowhere\", but 'images' does not list this id. Add the image or remove the annotation.",
        "3): 'segmentation': a polygon is not a flat list x1, y1, x2, y2, …. Correct it or remove the annotation.",
    ]


def test_image_ids_that_differ_only_in_form(folder: Folder) -> None:
    folder.data["images"][1]["id"] = "9"
    folder.add([SQUARE], image_id="9")
    folder.add([SQUARE], image_id="9")
    dataset = folder.read()
    assert [len(target_of(dataset, index)) for index in (0, 1)] == [1, 2]


def test_annotations_of_absent_images_are_told_beside_equal_ids_of_images(folder: Folder) -> None:
    folder.data["images"].append(dict(folder.data["images"][0]))
    folder.add([SQUARE], image_id=99)
    message = folder.error()
    assert " has the same id. Give each image its own id." in message
    assert "'image_id' is 99, but 'images' does not list this id." in message


@pytest.mark.parametrize("width", [4, 5])
def test_masks_are_checked_beside_equal_ids_of_images_of_one_size(folder: Folder, width: int) -> None:
    folder.data["images"].append(dict(folder.data["images"][0], width=width))
    folder.add({"size": [1, 4], "counts": [0, 4]})
    message = folder.error()
    assert " has the same id. Give each image its own id." in message
    assert ("the run lengths are of size [1, 4], but the image is [3, 4]" in message) == (width == 4)


def test_all_problems_are_listed_with_their_ids(folder: Folder) -> None:
    (folder.images / "b.jpg").unlink()
    folder.add([], id=21)
    folder.add([[0, 0, 2, 2]], id=22, iscrowd="no")
    folder.add([SQUARE], 99, id="x")
    folder.add([SQUARE], id=24, image_id="10", area=-1)
    folder.data["annotations"].append(None)
    fix = "Correct it or remove the annotation."
    assert folder.error().splitlines() == [
        f"{folder.json}: images[0] (id 9): 'file_name': there is no file {folder.images / 'b.jpg'}. Restore it "
        f"or correct the name.",
        f"{folder.json}: annotations[1] (id 21): 'segmentation' of image 9 (b.jpg): the list of polygons is empty. A "
        f"box alone has no mask: draw its polygon. {fix}",
        f"{folder.json}: annotations[2] (id 22): 'iscrowd' is \"no\", but must be 0 or 1. Correct it or leave it out.",
        f"{folder.json}: annotations[2] (id 22): 'segmentation' of image 9 (b.jpg): no polygon has three points. {fix}",
        f"{folder.json}: annotations[3] (id \"x\"): 'category_id' is 99, but 'categories' does not list this id. Add "
        f"it there, or correct it here.",
        f"{folder.json}: annotations[4] (id 24): 'image_id' is \"10\", but 'images' does not list this id. Add the "
        f"image or remove the annotation.",
        f"{folder.json}: annotations[4] (id 24): 'area' is -1, but must be a number of pixels from 0 to 2147483647. "
        "Correct it or "
        "leave it out.",
        f"{folder.json}: annotations[5] is null, but must be a mapping. Correct or remove it.",
    ]


def test_ten_problems_are_enough(folder: Folder) -> None:
    for number in range(15):
        folder.add([], id=number)
    lines = folder.error().splitlines()
    assert len(lines) == 11
    assert lines[-1] == f"{folder.json}: and 5 more."


def test_a_broken_image_entry_hides_no_cause(folder: Folder) -> None:
    folder.data["images"][0]["id"] = None
    assert folder.error() == f"{folder.json}: images[0]: 'id' is null, but must be a whole number or text. Correct it."


def test_image_id_twice(folder: Folder) -> None:
    folder.data["images"][1]["id"] = "9"
    folder.data["images"].append({"id": 9.0, "file_name": "a.jpg", "height": 3, "width": 4})
    assert folder.error() == (
        f"{folder.json}: images[2] (id 9.0): images[0] has the same id. Give each image its own id."
    )


def test_a_key_twice(folder: Folder) -> None:
    folder.read()
    folder.json.write_text(folder.json.read_text().replace('"area": 4', '"area": 4, "iscrowd": 0, "iscrowd": 1'))
    with pytest.raises(DataError) as error:
        CocoInstance(images=str(folder.images), annotations=str(folder.json))
    assert str(error.value) == (
        f'{folder.json}: cannot read JSON (the key "iscrowd" appears twice). Restore the file or correct the path.'
    )


@pytest.mark.parametrize("size", [0, -1, None, "", "x", 1.5, True, [3]])
def test_image_size(folder: Folder, size: Any) -> None:
    folder.data["images"][0]["height"] = size
    error = folder.error()
    assert error.startswith(f"{folder.json}: images[0] (id 9): 'height' is ")
    assert error.endswith(", but must be a whole number of at least 1. Correct it.")


def test_image_larger_than_run_lengths_hold(folder: Folder) -> None:
    folder.data["images"][0] |= {"height": 2**20, "width": 2**20}
    assert folder.error() == (
        f"{folder.json}: images[0] (id 9): the image has 1048576x1048576 pixels, but run lengths hold at most "
        f"2147483647. Correct 'height' and 'width', or cut the image into tiles."
    )


@pytest.mark.parametrize("far", [3.5e8, 5.9e6, 2e9, 1e300, 10**30])
def test_a_far_vertex(folder: Folder, far: float) -> None:
    folder.add([[1, 0, far, 0, far, 2, 1, 2]], area=6)
    with pytest.warns(UserWarning, match="polygons reach beyond the image"):
        dataset = folder.read()
    assert target_of(dataset, 0).masks[1].int().tolist() == [[0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]]


class Large(Folder):
    """A dataset with an image of 64x48."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        Image.new("RGB", (64, 48)).save(self.images / "c.jpg")
        self.data["images"].append({"id": 5, "file_name": "c.jpg", "height": 48, "width": 64})

    def add(self, segmentation: Any, category_id: int = 3, **more: Any) -> None:
        super().add(segmentation, category_id, **{"image_id": 5, **more})


RECTANGLE = [8, 6, 32, 6, 32, 26, 8, 26]
NEAR = [[8, 6, 32, 6, 32, 26 + number / 100, 8, 26] for number in range(9)]
"""Almost the same outlines."""
FRACTION = [0.125, 0.125, 0.5, 0.125, 0.5, 0.55, 0.125, 0.55]


@pytest.fixture
def large(tmp_path: Path) -> Large:
    found = Large(tmp_path)
    found.data["annotations"].clear()
    return found


@pytest.mark.parametrize("area", [480, 0.16, None, 0])
def test_polygons_in_fractions_of_the_image(large: Large, area: float | None) -> None:
    large.add([FRACTION], area=area, id=4)
    assert large.error() == (
        f"{large.json}: annotations[0] (id 4): the polygon coordinates are fractions of the image; multiply by width "
        f"and height to get pixels."
    )


def test_fractions_among_pixels(large: Large) -> None:
    for number in range(5):
        large.add([RECTANGLE], area=480, id=number)
    large.add([FRACTION, [0.9, 0.9, 1.0, 0.9, 1.0, 1.02]], area=480, id=5)
    large.add([[0, 0, 1, 0, 1, 1, 0, 1]], area=3072, id=6)
    places = [line.partition(": the ")[0] for line in large.error().splitlines()]
    assert places == [f"{large.json}: annotations[5] (id 5)", f"{large.json}: annotations[6] (id 6)"]


def test_a_tiny_polygon_in_the_corner_is_possible(large: Large, recwarn: pytest.WarningsRecorder) -> None:
    large.add([RECTANGLE], area=480)
    large.add([NEAR[1]], area=480)
    large.add([FRACTION], area=0.16)
    large.add([[0, 0, 1, 0, 1, 1, 0, 1]], area=1)
    assert len(target_of(large.read(), 2)) == 4
    assert [str(one.message) for one in recwarn if one.category in (UserWarning, DataWarning)] == []


def warning_of(folder: Folder) -> str:
    with pytest.warns(UserWarning, match="annotation") as caught:
        folder.read()
    (message,) = [str(one.message) for one in caught]
    return message


def test_areas_that_disagree_with_masks(large: Large) -> None:
    large.add([NEAR[0]], area=480)
    large.add([NEAR[1]], area=47, id=8)
    large.add({"size": [48, 64], "counts": [100, 70, 2902]}, area=0, id=9)
    large.add([NEAR[2]], area=5100)
    large.add([[0, 0, 60, 47, 61, 47]], area=30)  # a thin diagonal: its box is large, its mask is not
    assert warning_of(large) == (
        f"{large.json}: 3 annotations: 'area' and mask differ by a factor of more than 10. Check that the polygons are "
        f"in pixels of these images. Average precision by size uses 'area': correct it, or leave it out to count the "
        f"pixels. The first is annotations[1] (id 8), with area 47 and a mask of 480 pixels."
    )


def test_masks_without_pixels(large: Large) -> None:
    large.add([[64, 6, 69, 6, 69, 20]], area=70, id=3)
    large.add([[1, 1, 5, 5, 9, 9]])
    large.add([[9, 9, 9, 9, 9, 9]])
    large.add({"size": [48, 64], "counts": [3072]}, area=480)
    assert warning_of(large) == (
        f"{large.json}: 4 annotations: the mask has no pixels in the image. Correct or remove it. The first is "
        "annotations[0] (id 3)."
    )
    with pytest.warns(UserWarning, match="no pixels"):
        assert not target_of(large.read(), 2).masks.any()


def test_polygons_of_another_size_of_the_image(large: Large) -> None:
    large.add([[8, 6, 80, 6, 80, 26, 8, 26]], area=1120, id=3)
    large.add([[8, -9, 20, -9, 20, 26, 8, 26]], area=300)
    assert warning_of(large) == (
        f"{large.json}: 2 annotations: polygons reach beyond the image by more than a tenth of its size, and are cut "
        f"off at its border. Check that they are in pixels of these images. The first is annotations[0] (id 3)."
    )


def test_polygons_of_a_smaller_size_of_all_images(large: Large, recwarn: pytest.WarningsRecorder) -> None:
    for number in range(19):
        large.add([[8, 6, 32, 6, 32, 20 + number / 100]], area=170, id=number)
    large.read()
    assert [one for one in recwarn if one.category in (UserWarning, DataWarning)] == []
    large.add([[8, 6, 32, 6, 32, 20.5]], area=170, id=20)
    assert warning_of(large) == (
        f"{large.json}: 20 annotations: the polygons of all annotations lie in the top left quarter of their images. "
        f"Check that they are in pixels of these images, not of smaller ones or in percent. The first is "
        f"annotations[0] (id 0)."
    )
    large.add([[8, 6, 33, 6, 33, 20]], area=170, id=21)
    recwarn.clear()
    large.read()
    assert [one for one in recwarn if one.category in (UserWarning, DataWarning)] == []


def test_images_of_one_file(large: Large) -> None:
    large.data["images"][1]["file_name"] = "b.jpg"
    with pytest.warns(UserWarning, match="image") as caught:
        large.read()
    assert [str(one.message) for one in caught] == [
        f"{large.json}: 1 image lists a file that another one lists. What only one of them annotates is background in "
        f"the other. The first is images[1] (id 4), as images[0].",
        f"{large.images}: not read: 1 image that {large.json} does not list: a.jpg.",
    ]


def test_polygons_of_two_points_among_others(large: Large) -> None:
    large.add([RECTANGLE, [1, 1, 2, 2]], area=480, id=3)
    assert warning_of(large) == (
        f"{large.json}: 1 annotation: polygons of fewer than three points are left out. The first is annotations[0] "
        f"(id 3)."
    )


def test_annotation_ids_twice(large: Large) -> None:
    for place, number in enumerate((3, 4, 3, 4)):
        large.add([NEAR[place]], area=480, id=number)
    assert warning_of(large) == (
        f"{large.json}: 2 annotations: another annotation has the same 'id'. segkit does not use these ids, other "
        f"tools do. The first is annotations[2] (id 3)."
    )


def test_a_copied_annotation_is_told_once(large: Large) -> None:
    for _ in range(2):
        large.add([NEAR[0]], area=480, id=3)
    assert "has the same class and the same mask" in warning_of(large)


def test_a_polygon_far_beyond_the_image_is_told_once(large: Large) -> None:
    large.add([[-40, -40, 900, 0, 900, 900]], area=9)
    assert "polygons reach beyond the image" in warning_of(large)


@pytest.mark.filterwarnings("error")
def test_images_that_the_file_does_not_list(folder: Folder) -> None:
    for name in ("d.png", "c.jpg", ".e.jpg", "notes.txt", "f.heic", "g.CR2"):
        (folder.images / name).touch()
    with pytest.raises(UserWarning) as caught:
        folder.read()
    assert str(caught.value) == (
        f"{folder.images}: not read: 4 images that {folder.json} does not list: c.jpg, d.png, f.heic and 1 more."
    )


def test_objects_twice(large: Large) -> None:
    runs = {"size": [48, 64], "counts": [100, 70, 2902]}
    for number, mask in enumerate(([RECTANGLE], runs, [[float(one) for one in RECTANGLE]], runs)):
        large.add(mask, id=number, area=None)
    large.add([RECTANGLE], id=4, area=None, category_id=40)
    large.add(runs, id=5, area=None, iscrowd=1)
    assert warning_of(large) == (
        f"{large.json}: 2 annotations: another annotation of the same image has the same class and the same mask, so "
        "the object counts twice. Remove one of both. The first is annotations[2] (id 2)."
    )


def test_empty_masks_are_no_objects_twice(large: Large) -> None:
    outside = [200, 200, 204, 200, 204, 204]
    empty = {"size": [48, 64], "counts": [48 * 64]}
    for number, mask in enumerate(([RECTANGLE], [outside], [outside], empty, empty)):
        large.add(mask, id=number, area=None)
    with pytest.warns(UserWarning, match="the mask has no pixels in the image") as found:
        large.read()
    assert not [one for one in found if "counts twice" in str(one.message)]


def test_image_of_another_size(folder: Folder) -> None:
    Image.new("RGB", (8, 6)).save(folder.images / "b.jpg")
    assert folder.error() == (
        f"{folder.images / 'b.jpg'}: the image is 8x6 (upright), but {folder.json} gives 4x3. Take both from one "
        f"release, or scale the annotations with the image."
    )


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("images", "height"),
        ("images", "id"),
        ("images", "file_name"),
        ("annotations", "image_id"),
        ("annotations", "category_id"),
        ("annotations", "segmentation"),
        ("categories", "name"),
        ("categories", "id"),
    ],
)
def test_missing_key(folder: Folder, name: str, key: str) -> None:
    folder.data["annotations"][0]["id"] = 77
    del folder.data[name][0][key]
    own = {"images": " (id 9)", "annotations": " (id 77)", "categories": " (id 40)"}[name]
    assert folder.error() == f"{folder.json}: {name}[0]{'' if key == 'id' else own}: there is no '{key}'. Add it."


def test_missing_images(folder: Folder) -> None:
    for name in ("a.jpg", "b.jpg"):
        (folder.images / name).unlink()
    assert folder.error() == (
        f"{folder.json}: none of the 2 listed files is in {folder.images}; the first is 'b.jpg'. Point 'images' at "
        f"their folder."
    )


def test_images_in_folders(folder: Folder) -> None:
    (folder.images / "sub").mkdir()
    (folder.images / "b.jpg").rename(folder.images / "sub" / "b.jpg")
    folder.data["images"][0]["file_name"] = "sub/b.jpg"
    dataset = folder.read()
    assert [dataset[index].size for index in (0, 1)] == [(3, 4), (3, 4)]


def test_links_that_lead_out_of_the_folder(folder: Folder) -> None:
    """Whoever makes a link in a folder of data wants it to be followed."""
    (folder.images / "b.jpg").rename(folder.images.parent / "elsewhere.jpg")
    (folder.images / "b.jpg").symlink_to("../elsewhere.jpg")
    assert [folder.read()[index].size for index in (0, 1)] == [(3, 4), (3, 4)]


@pytest.mark.parametrize("name", ["../a.jpg", "sub/../../a.jpg", "/etc/hostname", ".."])
def test_names_that_lead_out_of_the_folder(folder: Folder, name: str) -> None:
    (folder.images / "a.jpg").rename(folder.images.parent / "a.jpg")
    folder.data["images"][1]["file_name"] = name
    place = f"{folder.json}: images[1] (id {folder.data['images'][1]['id']}): 'file_name' is \"{name}\""
    assert folder.error() == (
        f"{place}, but must be the name of a file in {folder.images}, without '..'. Write names relative to that "
        "folder, or point 'images' at another."
    )


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
