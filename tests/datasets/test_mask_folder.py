"""Label PNGs beside images, by hand and on real datasets."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from segkit.classes import Classes
from segkit.datasets.mask_folder import MaskFolder
from segkit.errors import DataError
from segkit.ops.targets import label_map_of, pixel_counts
from segkit.registries import DATASETS
from segkit.types import NO_SEGMENT


class Folders:
    """A dataset in a temporary folder."""

    def __init__(self, root):
        self.root = root
        self.images, self.labels = root / "images", root / "labels"
        self.images.mkdir()
        self.labels.mkdir()

    def add(self, name, ids, image="{}.jpg", dtype=np.uint8):
        ids = np.array(ids, dtype=dtype)
        Image.new("RGB", ids.shape[::-1], "red").save(self.images / image.format(name))
        Image.fromarray(ids).save(self.labels / f"{name}.png")

    def load(self, **settings):
        settings = {"classes": ["road", "car", "tree"]} | settings
        return MaskFolder(images=str(self.images), labels=str(self.labels), **settings)

    def refused(self, message, **settings):
        """Making the dataset, or else reading its first sample, gives this error."""
        with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
            self.load(**settings)[0]


@pytest.fixture
def folders(tmp_path):
    return Folders(tmp_path)


def test_it_is_registered():
    assert DATASETS.get("mask_folder") is MaskFolder


def test_one_segment_per_class_present(folders):
    folders.add("a", [[2, 2, 255], [0, 0, 2]])
    (sample,) = folders.load()
    assert sample.image.shape == (3, 2, 3)
    assert sample.file == str(folders.images / "a.jpg")
    assert sample.image_id == "a"
    assert sample.target.labels.tolist() == [0, 2]
    assert sample.target.segment_map.dtype == torch.int16
    assert sample.target.segment_map.tolist() == [[1, 1, NO_SEGMENT], [0, 0, 1]]
    assert sample.target.valid.tolist() == [[True, True, False], [True, True, True]]
    assert sample.target.is_crowd is None


def test_without_void_all_is_valid(folders):
    folders.add("a", [[1, 1]])
    target = folders.load()[0].target
    assert target.valid is None
    assert label_map_of(target, 255).tolist() == [[1, 1]]


def test_an_image_of_void_alone_has_no_segment(folders):
    folders.add("a", [[255, 255]])
    target = folders.load()[0].target
    assert len(target) == 0
    assert target.masks.shape == (0, 1, 2)
    assert not target.valid.any()


def test_samples_stand_in_the_order_of_names_whatever_the_format(folders):
    for name, image in (("c", "{}.JPG"), ("a", "{}.png"), ("b", "{}.bmp"), ("a-1", "{}.jpeg")):
        folders.add(name, [[0]], image)
    (folders.images / "notes.txt").write_text("not an image")
    (folders.images / "._c.jpg").write_text("what a Mac leaves behind")
    folders.labels.joinpath("extra.png").write_text("a label without an image is never read")
    with pytest.warns(UserWarning, match="not read: ") as warned:
        assert [sample.image_id for sample in folders.load()] == ["a", "a-1", "b", "c"]
    assert [str(one.message) for one in warned] == [
        f"{folders.images}: not read: 1 file without the suffix of an image: notes.txt.",
        f"{folders.labels}: not read: 1 label file without an image of the same name in {folders.images}: extra.png.",
    ]


def test_classes_by_name_are_stuff_but_for_the_things(folders):
    folders.add("a", [[0]])
    assert folders.load().classes == Classes.make(["road", "car", "tree"], [False, False, False])
    assert folders.load(things=["car"]).classes.things == (False, True, False)


def test_a_class_file_brings_ids_and_things(folders):
    folders.add("a", [[7, 0]])
    file = folders.root / "classes.json"
    file.write_text('[{"name": "sky", "id": 3}, {"name": "car", "id": 7, "isthing": 1}]')
    dataset = folders.load(classes=str(file), void=0)
    assert dataset.classes.ids == (3, 7)
    assert dataset.classes.things == (False, True)
    assert dataset[0].target.labels.tolist() == [1]


def test_a_label_map_gives_ids_their_meaning(folders):
    folders.add("a", [[7, 8, 9, 33, 0]])
    label_map = {"7": "road", "8": "road", "9": 2, "33": "car", "0": "void"}
    dataset = folders.load(label_map=label_map)
    assert label_map_of(dataset[0].target, 255).tolist() == [[0, 0, 2, 1, 255]]
    assert dataset.classes.ids == (7, 33, 9)


def test_classes_without_an_id_get_one_that_is_free(folders):
    folders.add("a", [[9]])
    assert folders.load(label_map={"9": "car"}).classes.ids == (256, 9, 258)


def test_a_class_may_be_called_void(folders):
    folders.add("a", [[4, 5]])
    target = folders.load(classes=["void", "car"], label_map={"4": "void", "5": 1})[0].target
    assert label_map_of(target, 255).tolist() == [[0, 1]]


def test_void_and_classes_that_are_counted_from_1_may_both_explain_the_ids(folders):
    folders.add("a", [[1, 2, 255]])
    dataset = folders.load()
    assert dataset.explain(dataset.stored_ids(0)) == (
        "no pixel has the id 0 (road), and 33.3 % have the id 255, which is void. If 255 is road, set void: [] and "
        "label_map: {1: car, 2: tree, 255: road}. Or: no pixel has the id 0 (road), but all other classes occur. If "
        "the label files count the classes from 1, set label_map: {0: void, 1: road, 2: car, 3: tree}."
    )
    folders.add("a", [[1, 2, 3, 255]])
    assert dataset.explain(dataset.stored_ids(0)) == (
        "the label files hold the id 3, one more than the last class has: they seem to count the classes from 1. If "
        "so, set label_map: {0: void, 1: road, 2: car, 3: tree}."
    )


def test_several_ids_may_be_void(folders):
    folders.add("a", [[3, 4, 0]])
    assert folders.load(void=[3, 4])[0].target.valid.tolist() == [[False, False, True]]


def test_255_is_void_by_default(folders):
    folders.add("a", [[255, 300]], dtype=np.uint16)
    many = [f"c{index}" for index in range(301)]
    assert folders.load(classes=many)[0].target.labels.tolist() == [255, 300]
    folders.refused(
        f"{folders.labels}/a.png: the ids 255, 300 are neither a class nor void. The 3 classes have the ids 0, 1, 2. "
        f"Name the others in 'void', or map all ids in 'label_map'.",
        void=9,
    )


def test_an_id_beyond_the_classes_is_an_error(folders):
    folders.add("a", [range(20)])
    folders.refused(
        f"{folders.labels}/a.png: the ids 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, … are neither a class nor void. The 3 "
        f"classes have the ids 0, 1, 2. Name the others in 'void', or map all ids in 'label_map'."
    )


@pytest.mark.parametrize(
    ("settings", "ids"),
    [
        ({"classes": ["object"]}, "The only class has the id 0."),
        ({"label_map": {"3": 1}}, "'label_map' gives ids to car (3), and none to road, tree."),
        ({"label_map": {"3": "void"}}, "'label_map' gives an id to no class."),
    ],
)
def test_the_ids_of_classes_are_those_that_files_can_hold(folders, settings, ids):
    folders.add("a", [[0, 7]])
    unknown = "7" if "classes" in settings else "0, 7"
    folders.refused(
        f"{folders.labels}/a.png: the ids {unknown} are neither a class nor void. {ids} Name the others in 'void', "
        "or map all ids in 'label_map'.",
        **settings,
    )


def test_colors_may_be_those_of_classes(folders):
    Image.new("RGB", (2, 2)).save(folders.images / "a.jpg")
    Image.new("RGB", (2, 2), (200, 10, 10)).save(folders.labels / "a.png")
    folders.refused(
        f"{folders.labels}/a.png: the label map is a color image with colors such as (200, 10, 10); colors are no ids. "
        "If they stand for classes, name them in 'colors', as in colors: {road: [128, 64, 128], void: [0, 0, 0]}, or "
        "set colors: true for those of the class file. Or replace each color by the id of its class. Store one id per "
        "pixel in a grayscale PNG of 8 or 16 bits, or in a palette PNG."
    )


def test_sizes_must_agree(folders):
    folders.add("a", [[0, 0]])
    Image.new("RGB", (5, 4)).save(folders.images / "a.jpg")
    folders.refused(
        f"{folders.labels}/a.png: the label map is 2x1, but its image {folders.images}/a.jpg is 5x4 (upright). Give "
        f"both one size."
    )


def test_an_empty_folder_is_an_error(folders):
    folders.refused(
        f"{folders.images}: there are no images in this folder. Point 'images' at the folder of the images."
    )


def test_images_without_label_are_named(folders):
    for name in "abcde":
        folders.add(name, [[0]])
    for name in "bcde":
        (folders.labels / f"{name}.png").unlink()
    folders.refused(
        f"{folders.labels}: there is no label file for b.jpg, c.jpg, d.jpg and 1 more of {folders.images}. Add label "
        f"files of the same names, such as b.png, or remove these images."
    )


def test_two_images_of_one_name_are_an_error(folders):
    folders.add("a", [[0]])
    folders.add("a", [[0]], "{}.png")
    folders.refused(f"{folders.images}/a.png: this file and a.jpg belong to one image. Rename or remove one.")


def test_a_file_is_no_folder(folders):
    file = folders.root / "file"
    file.write_text("")
    with pytest.raises(
        DataError, match=f"^{re.escape(str(file))}: this is a file, but a folder is needed\\. Correct the path\\.$"
    ):
        MaskFolder(images=str(file), labels=str(folders.labels), classes=["road"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"void": 1}, "void: 1 is the id of 'car'. Remove it from 'void'."),
        ({"things": ["cra"]}, "there is no class 'cra'. Did you mean 'car'? There are: road, car, tree"),
        ({"label_map": {"7": "cra"}}, "there is no class 'cra'. Did you mean 'car'? There are: road, car, tree"),
        (
            {"label_map": {"7": 3}},
            "label_map: id 7 is mapped to class 3, but the classes are 0..2. Use a class index in this range, a class "
            "name, or void.",
        ),
        (
            {"label_map": {"x": 0}},
            "label_map: 'x' is no id. Write a number that the label files hold, a range such as 0-6, or default for "
            "all "
            "ids that are not named.",
        ),
        ({"classes": ["a", "a"]}, "classes: several classes have the name a. Give each class its own name."),
        ({"classes": []}, "classes: the list is empty. Name the classes, or a file that lists them."),
        ({"void": [70000, -1]}, "void, label_map: a label file cannot hold the ids -1, 70000. Use 0..65535."),
    ],
)
def test_contradictory_settings_are_refused(folders, settings, message):
    folders.add("a", [[0]])
    folders.refused(message, **settings)


@pytest.mark.parametrize(("split", "count"), [("train", 367), ("val", 101)])
def test_camvid(shared_data, split, count):
    root = shared_data / "camvid"
    dataset = MaskFolder(
        images=str(root / "images" / split),
        labels=str(root / "labels" / split),
        classes=str(root / "meta.json"),
        things=["Car", "Pedestrian", "Bicyclist"],
        void=11,
    )
    assert len(dataset) == count
    assert sum(dataset.classes.things) == 3
    for index in range(0, count, 25):
        sample = dataset[index]
        stored = np.asarray(Image.open(root / "labels" / split / f"{sample.image_id}.png"))
        assert sample.image.shape == (3, 360, 480)
        assert torch.equal(label_map_of(sample.target, 11), torch.from_numpy(stored.astype(np.int64)))
        assert pixel_counts(sample.target).min() > 0


@pytest.mark.parametrize("split", ["training", "validation"])
def test_ade20k(shared_data, split):
    root = shared_data / "ade20k_sample/ADEChallengeData2016"
    dataset = MaskFolder(
        images=str(root / "images" / split),
        labels=str(root / "annotations" / split),
        classes=str(root / "objectInfo150.txt"),
        void=0,
    )
    assert len(dataset) == 3
    for sample in dataset:
        stored = np.asarray(Image.open(root / "annotations" / split / f"{sample.image_id}.png")).astype(np.int64)
        assert torch.equal(label_map_of(sample.target, -1), torch.from_numpy(stored - 1))


def test_a_label_map_has_ranges_and_a_default(folders):
    folders.add("a", [[0, 6, 7, 8, 26, 99]])
    dataset = folders.load(label_map={"0-6": "void", "7": "road", "26": "car", "default": "tree"})
    assert label_map_of(dataset[0].target, 255).tolist() == [[255, 255, 0, 2, 1, 2]]
    assert dataset.classes.ids == (7, 26, 8)
    target = folders.load(label_map={"7": "road", "default": "void"})[0].target
    assert label_map_of(target, 255).tolist() == [[255, 255, 0, 255, 255, 255]]


@pytest.mark.parametrize(
    ("label_map", "message"),
    [
        ({"0-6": "void", "5": "car"}, "label_map: '0-6' and '5' both map the id 5. Change one."),
        (
            {"6-0": "void"},
            "label_map: '6-0' is no id. Write a number that the label files hold, a range such as 0-6, or default "
            "for all "
            "ids that are not named.",
        ),
        ({"default": "cra"}, "there is no class 'cra'. Did you mean 'car'? There are: road, car, tree"),
        (
            {"0-70000": "car"},
            "void, label_map: a label file cannot hold the ids 65536, 65537, 65538, 65539, 65540, 65541",
        ),
    ],
)
def test_wrong_ranges_are_refused(folders, label_map, message):
    folders.add("a", [[0]])
    with pytest.raises(DataError, match=f"^{re.escape(message)}"):
        folders.load(label_map=label_map)


def test_the_name_within_the_folder_is_the_id_of_an_image(folders):
    for folder in (folders.images, folders.labels):
        (folder / "aachen").mkdir()
    folders.add("aachen/a", [[0]])
    folders.add("a", [[1]])
    assert [sample.image_id for sample in folders.load()] == ["a", "aachen/a"]
