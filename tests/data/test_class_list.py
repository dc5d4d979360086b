"""Class lists in all forms that files hold."""

import json
import re

import pytest

from segkit.classes import Classes
from segkit.data.class_list import check_classes, read_classes
from segkit.errors import DataError

PERSON = {"id": 1, "name": "person", "isthing": 1, "color": [220, 20, 60]}
SKY = {"id": 187, "name": "sky", "isthing": 0, "color": [70, 130, 180]}


@pytest.mark.parametrize("wrapped", [[PERSON, SKY], {"categories": [PERSON, SKY]}, {"classes": [PERSON, SKY]}])
def test_categories(tmp_path, wrapped):
    (tmp_path / "classes.json").write_text(json.dumps(wrapped))
    expected = Classes(("person", "sky"), (True, False), ((220, 20, 60), (70, 130, 180)), (1, 187))
    assert read_classes(tmp_path / "classes.json") == expected


def test_a_list_of_names_is_all_stuff(tmp_path):
    (tmp_path / "classes.json").write_text('["road", "car"]')
    assert read_classes(tmp_path / "classes.json") == Classes.make(["road", "car"], [False, False])


def test_names_with_a_palette_that_has_a_color_for_void_too(tmp_path):
    data = {"classes": ["road", "car"], "palette": [[1, 1, 1], [2, 2, 2], [0, 0, 0]]}
    (tmp_path / "meta.json").write_text(json.dumps(data))
    assert read_classes(tmp_path / "meta.json").colors == ((1, 1, 1), (2, 2, 2))


def test_one_name_per_line(tmp_path):
    (tmp_path / "names.txt").write_text("road\n car \n\n")
    assert read_classes(tmp_path / "names.txt") == Classes.make(["road", "car"], [False, False])


def test_a_table(tmp_path):
    (tmp_path / "info.txt").write_text("Idx\tRatio\tName\n1\t0.5\twall, inside\n2\t0.1\tsky\n")
    classes = read_classes(tmp_path / "info.txt")
    assert classes.names == ("wall, inside", "sky")
    assert classes.ids == (1, 2)


FORMATS = (
    "Give a JSON list of names or of categories (name, id, isthing, color), alone or as 'classes' or 'categories' of a "
    "mapping, or a text file with one name per line."
)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.txt", "", "the class list is empty. "),
        ("a.txt", "A\tB\n1\tx\n", "cannot read a class list (KeyError: 'name'). "),
    ],
)
def test_a_file_without_class_list_is_refused(tmp_path, name, text, problem):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as error:
        read_classes(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name}: {problem}")
    assert str(error.value).endswith(FORMATS)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}: cannot read a class list (IsADirectoryError: ")):
        read_classes(tmp_path)


@pytest.mark.parametrize(
    ("classes", "problem"),
    [
        (Classes.make(["a", "b", "a"]), "several classes have the name a. Give each class its own name."),
        (Classes.make(["a", "b"], ids=[3, 3]), "several classes have the id 3. Give each class its own id."),
        (
            Classes.make(["a", "b"], colors=[(0, 0, 0)]),
            "1 colors for 2 classes. Give every class a color, or none.",
        ),
    ],
)
def test_an_inconsistent_class_list_is_refused(classes, problem):
    with pytest.raises(DataError, match=f"^classes: {re.escape(problem)}$"):
        check_classes(classes, "classes")


def test_real_class_lists(shared_data):
    camvid = read_classes(shared_data / "camvid/meta.json")
    assert (len(camvid), camvid.names[8], camvid.colors[8]) == (11, "Car", (64, 0, 128))
    ade = read_classes(shared_data / "ade20k_sample/ADEChallengeData2016/objectInfo150.txt")
    assert (len(ade), ade.names[0], ade.ids[0], ade.ids[-1]) == (150, "wall", 1, 150)
    coco = read_classes(shared_data / "coco_panoptic_sample/annotations/panoptic_coco_categories.json")
    assert (len(coco), sum(coco.things)) == (133, 80)
