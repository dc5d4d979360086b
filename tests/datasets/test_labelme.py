"""labelme's JSON files: shapes of every type, groups, images elsewhere, and all problems at once."""

import base64
import io
import json
import re
import warnings
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segkit.datasets.labelme import Labelme
from segkit.errors import DataError
from tests.helpers.dataset_folders import labelme

SQUARE = [[2, 1], [6, 1], [6, 5], [2, 5]]


class Folder:
    """A 10x8 image `a.jpg` with the given shapes."""

    def __init__(self, root):
        self.root = root
        self.data: dict[str, Any] = {"imagePath": "a.jpg", "imageHeight": 8, "imageWidth": 10, "shapes": []}
        Image.new("RGB", (10, 8)).save(root / "a.jpg")

    def add(self, label="cat", points=SQUARE, **more):
        self.data["shapes"].append({"label": label, "points": points, **more})

    def load(self, **settings):
        (self.root / "a.json").write_text(json.dumps(self.data))
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            dataset = Labelme(**{"folder": str(self.root), **settings})
        self.warnings = [str(one.message).replace(f"{self.root}: ", "") for one in found]
        return dataset

    def refused(self, **settings):
        with pytest.raises(DataError) as caught:
            self.load(**settings)
        return str(caught.value).replace(f"{self.root}/", "")


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def masks_of(dataset):
    return dataset[0].target.masks.numpy()


def square(left=2, top=1, right=6, bottom=5):
    mask = np.zeros((8, 10), dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"shape_type": "polygon"},
        {"shape_type": "rectangle", "points": SQUARE[::2]},
        {"shape_type": "rectangle", "points": [SQUARE[3], SQUARE[1]]},
        {"shape_type": "rectangle", "points": SQUARE},
        {"shape_type": "oriented_rectangle"},
    ],
)
def test_shapes_with_corners(folder, shape):
    folder.add(**shape)
    assert np.array_equal(masks_of(folder.load())[0], square())


def test_a_circle_has_a_center_and_a_point(folder):
    folder.add(shape_type="circle", points=[[5, 4], [5, 1]])
    (mask,) = masks_of(folder.load())
    ys, xs = np.mgrid[:8, :10] + 0.5
    distance = np.hypot(xs - 5, ys - 4)
    assert mask[distance < 2.5].all()
    assert not mask[distance > 3.5].any()


def brush(points, width, height):
    stream = io.BytesIO()
    Image.new("L", (width, height), 255).save(stream, "PNG")
    return {"shape_type": "mask", "points": points, "mask": base64.b64encode(stream.getvalue()).decode()}


def test_a_mask_includes_both_corners_of_its_box_and_is_cut_at_the_border(folder):
    folder.add(**brush([[2, 1], [5, 4]], 4, 4))
    folder.add(**brush([[-2, 6], [1, 9]], 4, 4))
    masks = masks_of(folder.load())
    assert np.array_equal(masks[0], square())
    assert np.array_equal(masks[1], square(0, 6, 2, 8))


def test_blanks_around_a_label_do_not_count(folder):
    folder.add(" cat ")
    folder.add("dog")
    folder.add("cat")
    assert folder.load().classes.names == ("cat", "dog")


def test_shapes_of_a_group_are_one_instance_if_they_have_one_label(folder):
    folder.add(group_id=3)
    folder.add(shape_type="rectangle", points=[[7, 6], [9, 8]], group_id=3)
    folder.add(**brush([[0, 0], [0, 0]], 1, 1), group_id=3)
    folder.add("dog", group_id=3)
    folder.add()
    folder.add(group_id=None)
    dataset = folder.load()
    assert [dataset.classes.names[label] for label in dataset[0].target.labels] == ["cat", "dog", "cat", "cat"]


def test_a_mask_of_one_pixel_joins_polygons(folder):
    folder.add(group_id=3)
    folder.add(**brush([[0, 0], [1, 1]], 2, 2), group_id=3)
    (mask,) = masks_of(folder.load())
    assert np.array_equal(mask, square() | square(0, 0, 2, 2))


def test_classes_are_chosen_renamed_and_counted(folder):
    for label in ("cat", "dog", "dog", "ox", "__ignore__"):
        folder.add(label)
    folder.add("cat", shape_type="point", points=[[1, 1]])
    assert folder.load().classes.names == ("cat", "dog", "ox")
    dataset = folder.load(classes={"pet": ["cat", "dog"]})
    assert dataset.classes.names == ("pet",)
    assert dataset.annotation_counts(1).segments == [3]
    assert folder.warnings == [
        "left out: shapes of labels that are no class: __ignore__ (1), ox (1).",
        "left out: shapes without a mask: point (1).",
        "2 annotations: another annotation of the same image has the same class and the same mask, so the object "
        "counts twice. Remove one of both. The first is a.json: shapes[1].",
    ]


def test_images_may_lie_elsewhere(folder, tmp_path):
    folder.add()
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    (tmp_path / "a.jpg").rename(tmp_path / "photos" / "a.jpg")
    folder.data["imagePath"] = "..\\photos\\a.jpg"
    assert folder.refused() == (
        "a.json: 'imagePath': there is no file a.jpg. Put it there, or name the folder of the images in 'images'."
    )
    assert folder.load(images=str(tmp_path / "photos"))[0].file == f"{tmp_path}/photos/a.jpg"


def test_images_elsewhere_without_json_are_told(folder, tmp_path):
    folder.add()
    photos = tmp_path.parent / f"{tmp_path.name}_photos"
    photos.mkdir()
    (tmp_path / "a.jpg").rename(photos / "a.jpg")
    Image.new("RGB", (2, 2)).save(photos / "b.jpg")
    folder.load(images=str(photos))
    assert folder.warnings == [f"{photos}: left out: 1 image without a JSON file: b.jpg."]


def test_images_without_json_and_other_json_files_are_told(folder, tmp_path):
    folder.add()
    Image.new("RGB", (2, 2)).save(tmp_path / "b.jpg")
    folder.load()
    assert folder.warnings == ["left out: 1 image without a JSON file: b.jpg."]
    (tmp_path / "coco.json").write_text("{}")
    assert folder.refused() == (
        f"{tmp_path}: 1 JSON file without 'shapes' and 'imagePath', so not written by labelme: coco.json. Move them to "
        "another folder."
    )


def test_files_that_are_not_read_are_told(folder, tmp_path):
    folder.add()
    for name in ("b.heic", "labels.txt"):
        (tmp_path / name).touch()
    folder.load()
    assert folder.warnings == ["not read: 1 file without the suffix of an image: b.heic."]


def test_several_files_of_one_image_are_refused(folder, tmp_path):
    folder.add()
    (tmp_path / "b.json").write_text(json.dumps(folder.data))
    assert folder.refused() == "b.json: its image a.jpg is also that of a.json. Remove one."


def test_a_folder_without_labelme_files(tmp_path):
    message = (
        f"{tmp_path}: there is no JSON file of labelme, with 'shapes' and 'imagePath'. Point 'folder' at the folder "
        "of the JSON files."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        Labelme(folder=str(tmp_path))


def test_all_problems_of_all_files_are_told(folder, tmp_path):
    folder.add(points=[[1, 1], [2, 2]])
    folder.add(label=7)
    folder.add(shape_type="rectangle", points=[[1, 1], [1, 5]])
    folder.add(shape_type="circle", points=[[1, 1]])
    folder.add(shape_type="blob")
    folder.add(points=[[1, "x"]])
    folder.add(**{**brush([[2, 1], [5, 4]], 4, 4), "mask": "no PNG"})
    folder.add(**brush([[2, 1], [5, 5]], 4, 4))
    folder.add(**brush([[20, 1], [23, 4]], 4, 4))
    (tmp_path / "b.json").write_text('{"imagePath": "a.jpg", "shapes": [')
    lines = folder.refused().splitlines()
    assert lines[6].startswith("a.json: shapes[6]: 'mask' is no PNG in base64 (")
    assert [line for line in lines if "shapes[6]" not in line] == [
        "a.json: shapes[0]: a polygon of 2 points encloses nothing. Correct or remove the shape.",
        "a.json: shapes[1]: 'label' is 7, but must be text. Correct it.",
        "a.json: shapes[2]: a rectangle needs two opposite corners. Correct or remove the shape.",
        "a.json: shapes[3]: a circle needs its center and another point. Correct or remove the shape.",
        "a.json: shapes[4]: 'shape_type' is \"blob\", which is not known. Draw a polygon instead.",
        "a.json: shapes[5]: 'points' is a list of 1, but must be a list of points [x, y] of finite numbers. Correct "
        "it.",
        "a.json: shapes[7]: 'mask' is 4x4, but its points span 4x5 pixels. Correct or remove the shape.",
        "a.json: shapes[8]: the mask has no pixels in the image. Correct or remove the shape.",
        "b.json: cannot read JSON (Expecting value: line 1 column 35 (char 34)). Restore the file or correct the path.",
    ]


def test_polygons_outside_the_image_are_told(folder):
    folder.add(points=[[50, 1], [60, 1], [60, 5]])
    folder.load()
    assert folder.warnings == [
        "1 annotation: the mask has no pixels in the image. Correct or remove it. The first is a.json: shapes[0].",
        "1 annotation: polygons reach beyond the image by more than a tenth of its size, and are cut off at its "
        "border. Check that they are in pixels of these images. The first is a.json: shapes[0].",
    ]


def test_an_image_of_another_size_is_an_error(folder):
    folder.add()
    folder.data["imageWidth"] = 20
    with pytest.raises(DataError, match=r"a\.jpg: the image is 10x8 \(upright\), but .*a\.json gives 20x8\."):
        folder.load()[0]


def test_a_folder_without_masks(folder):
    folder.add(shape_type="point", points=[[1, 1]])
    assert folder.refused() == (
        f"{folder.root}: no JSON file has a shape with a mask. Annotate objects, or name the 'classes'."
    )


@pytest.mark.filterwarnings("ignore")
def test_train_and_val_have_the_same_classes_and_no_common_image(tmp_path):
    folder = labelme(tmp_path)["train"]["folder"]
    parts = [Labelme(folder=folder, split={key: 0.3}) for key in ("share", "all_but")]
    assert parts[0].classes.names == parts[1].classes.names == ("cat", "dog")
    ids = [sample.image_id for part in parts for sample in map(part.__getitem__, range(len(part)))]
    assert len(set(ids)) == len(ids) == 6
