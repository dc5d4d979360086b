"""COCO files as annotation tools export them: boxes, categories of several kinds, text as ids, folders in names."""

import json
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from segkit.datasets.coco_instance import CocoInstance
from segkit.datasets.concat import Concat
from segkit.errors import DataError

SQUARE = [[0, 0, 2, 0, 2, 2, 0, 2]]


class Export:
    """Two 4x3 images and three categories, the first two with an object each in the first image."""

    def __init__(self, root: Path) -> None:
        self.root, self.json = root, root / "a.json"
        self.images = [{"id": number, "file_name": f"{number}.jpg", "height": 3, "width": 4} for number in (1, 2)]
        self.categories: list[dict[str, Any]] = [
            {"id": 0, "name": "cat"},
            {"id": 5, "name": "dog"},
            {"id": 9, "name": "ox"},
        ]
        self.annotations: list[dict[str, Any]] = []
        for category in (0, 5):
            self.add(category_id=category, segmentation=SQUARE)
        for number in (1, 2):
            Image.new("RGB", (4, 3)).save(root / f"{number}.jpg")

    def add(self, **entry: Any) -> None:
        self.annotations.append({"id": len(self.annotations) + 1, "image_id": 1, **entry})

    def write(self, file: Path | None = None) -> str:
        data = {"images": self.images, "annotations": self.annotations, "categories": self.categories}
        (file or self.json).write_text(json.dumps(data))
        return str(file or self.json)

    def load(self, **settings: Any) -> CocoInstance:
        return CocoInstance(**{"images": str(self.root), "annotations": self.write(), **settings})

    def refused(self, **settings: Any) -> str:
        with pytest.raises(DataError) as caught:
            self.load(**settings)
        return str(caught.value).replace(f"{self.root}/", "")

    def warned(self, **settings: Any) -> tuple[CocoInstance, list[str]]:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            dataset = self.load(**settings)
        return dataset, [str(one.message).replace(f"{self.root}/", "") for one in found]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path)


def names_of(dataset: CocoInstance, index: int = 0) -> list[str]:
    target = dataset[index].target
    assert target is not None
    return [dataset.classes.names[label] for label in target.labels]


def test_classes_are_chosen_and_ordered(export: Export) -> None:
    dataset, found = export.warned(classes=["ox", "dog"])
    assert (dataset.classes.names, dataset.classes.ids) == (("ox", "dog"), (9, 5))
    assert names_of(dataset) == ["dog"]
    assert found == []


def test_classes_are_renamed_and_merged(export: Export) -> None:
    dataset = export.load(classes={"cattle": "ox", "pet": ["dog", "cat"]})
    assert (dataset.classes.names, dataset.classes.ids) == (("cattle", "pet"), (9, 0))
    assert names_of(dataset) == ["pet", "pet"]


def test_masks_of_classes_that_are_not_chosen_are_not_looked_at(export: Export) -> None:
    export.add(category_id=9, segmentation=[[1, 1]])
    assert names_of(export.load(classes=["cat"])) == ["cat"]


@pytest.mark.parametrize(
    ("classes", "problem"),
    [
        (
            ["cat", "dgo"],
            "a.json: classes: 'categories' has no class 'dgo'. Did you mean 'dog'? It has: cat, dog, ox. Correct or "
            "remove "
            "the name.",
        ),
        (["cat", "cat"], "a.json: classes: cat stands there twice. Name each class once."),
        ([], "a.json: classes: the list is empty. Name the classes, or leave the setting out."),
        ({"pet": []}, "a.json: classes: the list is empty. Name the classes, or leave the setting out."),
        (
            {"pet": ["cat", "dog"], "dog": "dog"},
            "a.json: classes: 'dog' stands for both 'pet' and 'dog'. Remove one.",
        ),
    ],
)
def test_a_wrong_choice_is_refused(export: Export, classes: Any, problem: str) -> None:
    assert export.refused(classes=classes) == problem


@pytest.mark.parametrize("segmentation", [{"segmentation": []}, {"segmentation": None}, {}])
def test_boxes_without_masks_are_counted_and_left_out(export: Export, segmentation: dict[str, Any]) -> None:
    for _ in range(2):
        export.add(category_id=9, bbox=[0, 0, 2, 2], **segmentation)
    dataset, found = export.warned()
    assert names_of(dataset) == ["cat", "dog"]
    assert found == [
        "a.json: 2 of 4 annotations have a box but no mask and are left out: their objects count as background. Draw "
        "their "
        "outlines to learn from them. The first is annotations[2] (id 3)."
    ]


def test_boxes_without_masks_are_told_beside_errors(export: Export) -> None:
    export.add(category_id=9, bbox=[0, 0, 2, 2], segmentation=[])
    export.annotations[0]["image_id"] = 77
    with pytest.warns(UserWarning, match="1 of 3 annotations have a box but no mask and are left out"):
        assert "'image_id' is 77, but 'images' does not list this id." in export.refused()


def test_boxes_alone_are_refused(export: Export) -> None:
    for annotation in export.annotations:
        annotation |= {"segmentation": [], "bbox": [0, 0, 2, 2]}
    assert export.refused() == (
        "a.json: no mask, but a box alone: 2 annotations. Export them with polygons or run lengths."
    )


def test_categories_that_name_no_objects_are_left_out(export: Export) -> None:
    export.categories = [
        {"id": 0, "name": "animals", "supercategory": "none"},
        {"id": 1, "name": "_background_"},
        {"id": 2, "name": "cat", "supercategory": "animals"},
        {"id": 3, "name": "ox", "supercategory": "ox"},
    ]
    export.annotations = []
    export.add(category_id=2, segmentation=SQUARE)
    dataset, found = export.warned()
    assert dataset.classes.names == ("cat", "ox")
    assert names_of(dataset) == ["cat"]
    assert found == [
        "a.json: left out of the classes, since it names no object and nothing is annotated with it: 'animals', "
        "'_background_'. Name all classes in 'classes' to keep it."
    ]
    export.add(category_id=0, segmentation=SQUARE)
    assert export.load().classes.names == ("animals", "cat", "ox")
    assert export.load(classes=["_background_", "cat"]).classes.names == ("_background_", "cat")


def test_categories_of_one_name_are_refused_or_merged(export: Export) -> None:
    export.categories[1]["name"] = "cat"
    assert export.refused() == "a.json: categories: several classes have the name cat. Give each class its own name."
    assert names_of(export.load(classes=["cat"])) == ["cat", "cat"]


def test_ids_that_are_numbers_as_text_stay_as_the_file_has_them(export: Export) -> None:
    for entry, id in zip(export.categories, ("30", 77, "10"), strict=True):
        entry["id"] = id
    export.annotations = []
    for category in (30, "77", "10"):
        export.add(category_id=category, segmentation=SQUARE)
    dataset = export.load(classes=["ox", "dog", "cat"])
    assert dataset.classes.ids == (10, 77, 30)
    assert dataset.classes.json_ids == ("10", 77, "30")
    joined = Concat(datasets=[dataset, dataset], classes=["cat", "dog", "ox"]).classes
    assert (joined.ids, joined.json_ids) == ((30, 77, 10), ("30", 77, "10"))


def test_ids_of_categories_may_be_text(export: Export) -> None:
    for entry, id in zip(export.categories, ("c-1", "7", "c-2"), strict=True):
        entry["id"] = id
    export.annotations = []
    for category in ("c-1", 7, "7", "c-2"):
        export.add(category_id=category, segmentation=SQUARE)
    dataset, found = export.warned()
    assert names_of(dataset) == ["cat", "dog", "dog", "ox"]
    assert dataset.classes.ids == (0, 1, 2)
    assert dataset.classes.json_ids == ("c-1", "7", "c-2")
    assert found == [
        "a.json: the ids of 'categories' are text, such as 'c-1'. JSON results of `segkit test` have them too; label "
        "maps and `segkit predict` have the numbers 0, 1, 2, … in the order of the list instead.",
        "a.json: 1 annotation: another annotation of the same image has the same class and the same mask, so the "
        "object counts twice. Remove one of both. The first is annotations[2] (id 3).",
    ]
    export.add(category_id="c-3", segmentation=SQUARE)
    assert export.refused() == (
        "a.json: annotations[4] (id 5): 'category_id' is \"c-3\", but 'categories' does not list this id. Add it "
        "there, or correct it here."
    )


def test_ids_of_images_may_be_text(export: Export) -> None:
    for image in export.images:
        image["id"] = f"image {image['id']}"
    for annotation in export.annotations:
        annotation["image_id"] = "image 1"
    assert [sample.image_id for sample in map(export.load().__getitem__, range(2))] == ["image 1", "image 2"]


def test_names_may_have_folders(export: Export) -> None:
    (export.root / "cam 1").mkdir()
    (export.root / "1.jpg").rename(export.root / "cam 1" / "1.jpg")
    export.images[0]["file_name"] = "cam 1/1.jpg"
    assert export.load()[0].file == f"{export.root}/cam 1/1.jpg"
    export.images[0]["file_name"] = "cam 1\\1.jpg"
    assert export.load()[0].file == f"{export.root}/cam 1/1.jpg"


@pytest.mark.parametrize("folder", ["../../upload/7", "images/train", "/home/me/images"])
def test_folders_of_another_machine_are_ignored(export: Export, folder: str) -> None:
    for image in export.images:
        image["file_name"] = f"{folder}/{image['file_name']}"
    assert export.load()[1].file == f"{export.root}/2.jpg"


@pytest.mark.parametrize("absolute", [False, True])
def test_names_that_lead_to_other_files_outside_of_the_folder_are_refused(export: Export, absolute: bool) -> None:
    """Files of the same names in the folder may be quite other ones."""
    elsewhere = export.root.with_name(f"{export.root.name}-elsewhere")
    shutil.copytree(export.root, elsewhere)
    for image in export.images:
        image["file_name"] = f"{elsewhere if absolute else f'../{elsewhere.name}'}/{image['file_name']}"
    lines = export.refused().split("\n")
    assert len(lines) == 2
    for number, line in enumerate(lines):
        assert line.startswith(f"a.json: images[{number}] (id {number + 1}): 'file_name' is \"")
        assert line.endswith(
            f"but must be the name of a file in {export.root}, without '..'. Write names relative to that folder, or "
            "point 'images' at another."
        )


def test_absolute_names_of_the_same_files_are_read(export: Export) -> None:
    for image in export.images:
        image["file_name"] = f"{export.root.resolve()}/{image['file_name']}"
    assert export.load()[1].file == f"{export.root}/2.jpg"


def test_folders_count_where_two_images_have_one_name(export: Export) -> None:
    for image in export.images:
        image["file_name"] = f"train/{image['id']}/1.jpg"
    assert export.refused() == (
        f"a.json: none of the 2 listed files is in {export.root}; the first is 'train/1/1.jpg'. Point 'images' at "
        "their folder."
    )


@pytest.mark.parametrize(("name", "folder"), [("1.jpg", "train/images"), ("images/1.jpg", "train")])
def test_the_folder_of_the_images_is_searched_below(export: Export, name: str, folder: str) -> None:
    (export.root / "train/images").mkdir(parents=True)
    for image in export.images:
        (export.root / f"{image['id']}.jpg").rename(export.root / f"train/images/{image['id']}.jpg")
        image["file_name"] = name.replace("1", str(image["id"]))
    assert export.refused() == (
        f"a.json: none of the 2 listed files is in {export.root}; the first is '{name}'. That file lies in "
        f"train/images. Point 'images' at {folder}."
    )
    assert len(export.load(images=str(export.root / folder))) == 2


def test_lvis(export: Export) -> None:
    for image in export.images:
        name = image.pop("file_name")
        image |= {"coco_url": f"http://images.cocodataset.org/train2017/{name}", "neg_category_ids": [9]}
        image |= {"not_exhaustive_category_ids": [5] if image["id"] == 1 else []}
    dataset, found = export.warned()
    assert dataset[1].file == f"{export.root}/2.jpg"
    assert found == [
        "a.json: this file annotates each category in some of the images only, as LVIS does ('neg_category_ids'), and "
        "not all of its objects in 1 of 2 images ('not_exhaustive_category_ids'). segkit takes everything that is not "
        "annotated for background, in training and in evaluation. Its average precision is therefore not that of the "
        "LVIS tools."
    ]
    (export.root / "train2017").mkdir()
    for number in (1, 2):
        (export.root / f"{number}.jpg").rename(export.root / f"train2017/{number}.jpg")
    assert export.load()[1].file == f"{export.root}/train2017/2.jpg"


class TestSeveralFiles:
    def test_images_and_classes_are_joined_by_name(self, export: Export, tmp_path: Path) -> None:
        first = export.write()
        for number in (3, 4):
            Image.new("RGB", (4, 3)).save(tmp_path / f"{number}.jpg")
        export.images = [{**image, "file_name": f"{image['id'] + 2}.jpg"} for image in export.images]
        export.categories = [{"id": 0, "name": "ox"}, {"id": 5, "name": "cat"}, {"id": 9, "name": "dog"}]
        second = export.write(tmp_path / "b.json")
        dataset = CocoInstance(images=str(tmp_path), annotations=[first, second])
        assert [sample.image_id for sample in map(dataset.__getitem__, range(4))] == ["1/1", "1/2", "2/1", "2/2"]
        assert [names_of(dataset, index) for index in range(4)] == [["cat", "dog"], [], ["ox", "cat"], []]
        assert dataset.annotation_counts(4).segments == [2, 1, 1]

    def test_different_ids_stay_as_they_are(self, export: Export, tmp_path: Path) -> None:
        first = export.write()
        export.images = [{**image, "id": image["id"] + 10} for image in export.images]
        export.annotations = []
        second = export.write(tmp_path / "b.json")
        message = (
            f"{tmp_path}/b.json: 2 of its 2 images are also listed in {tmp_path}/a.json, such as 1.jpg. What only one "
            "file annotates is background in the other."
        )
        with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
            dataset = CocoInstance(images=str(tmp_path), annotations=[first, second])
        assert [sample.image_id for sample in map(dataset.__getitem__, range(4))] == [1, 2, 11, 12]

    def test_one_file_twice(self, export: Export, tmp_path: Path) -> None:
        first = export.write()
        (tmp_path / "b.json").symlink_to(first)
        for again in (first, str(tmp_path / "b.json")):
            message = (
                f"{again}: 'annotations' names this file twice, so its 2 images are read twice. Remove one of both."
            )
            with pytest.warns(UserWarning, match=f"^{re.escape(message)}$") as caught:
                CocoInstance(images=str(tmp_path), annotations=[first, again])
            assert len(caught) == 1

    def test_classes_must_agree(self, export: Export, tmp_path: Path) -> None:
        first = export.write()
        export.categories[2]["name"] = "cow"
        second = export.write(tmp_path / "b.json")
        files = [first, second]
        with pytest.raises(DataError) as caught:
            CocoInstance(images=str(tmp_path), annotations=files)
        assert str(caught.value).replace(f"{tmp_path}/", "") == (
            "b.json: its classes are not those of a.json: only b.json has 'cow'; only a.json has 'ox'. Choose common "
            "ones in 'classes'."
        )
        dataset = CocoInstance(images=str(tmp_path), annotations=files, classes=["dog", "cat"])
        assert dataset.classes.names == ("dog", "cat")

    def test_problems_of_all_files_are_told_together(self, export: Export, tmp_path: Path) -> None:
        export.annotations[0]["image_id"] = 7
        first = export.write()
        export.annotations = [{"image_id": 1, "category_id": 0, "segmentation": [[1, 1]]}]
        second = export.write(tmp_path / "b.json")
        with pytest.raises(DataError) as caught:
            CocoInstance(images=str(tmp_path), annotations=[first, second])
        assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == [
            "a.json: annotations[0] (id 1): 'image_id' is 7, but 'images' does not list this id. Add the image or "
            "remove the "
            "annotation.",
            "b.json: annotations[0]: 'segmentation' of image 1 (1.jpg): no polygon has three points. Correct it or "
            "remove the annotation.",
        ]

    def test_no_file_is_an_error(self, export: Export) -> None:
        assert export.refused(annotations=[]) == "annotations: the list is empty. Name a JSON file."


def test_a_split_takes_images_with_their_annotations(export: Export, tmp_path: Path) -> None:
    (tmp_path / "val.txt").write_text("2.jpg\n")
    export.add(image_id=2, category_id=9, segmentation=SQUARE)
    dataset = export.load(split=str(tmp_path / "val.txt"))
    assert [sample.image_id for sample in map(dataset.__getitem__, range(len(dataset)))] == [2]
    assert names_of(dataset) == ["ox"]
    assert dataset.annotation_counts(1).segments == [0, 0, 1]
    both = [export.load(split={key: 0.5}) for key in ("share", "all_but")]
    assert sorted(dataset[0].image_id for dataset in both) == [1, 2]
