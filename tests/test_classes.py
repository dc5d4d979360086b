import json
import re

import pytest

from segkit.classes import Classes, check_classes, distinct_colors, read_classes
from segkit.errors import DataError


def test_what_is_not_given_is_filled_in():
    classes = Classes.make(["a", "b"])
    assert classes == Classes(("a", "b"), (True, True), distinct_colors(2), (0, 1))
    assert len(classes) == 2


def test_things_are_countable_or_all_classes_where_there_is_no_thing():
    assert Classes.make(["a", "b"], [True, False]).countable == (True, False)
    assert Classes.make(["a", "b"], [False, False]).countable == (True, True)
    assert Classes.make([]).countable == ()


def test_colors_are_distinct():
    assert len(set(distinct_colors(150))) == 150


def test_there_and_back_through_a_dict():
    classes = Classes.make(["a", "b"], [True, False], [(1, 2, 3), (4, 5, 6)], [7, 9])
    assert Classes.from_dict(json.loads(json.dumps(classes.to_dict()))) == classes


def test_a_name_has_an_index():
    assert Classes.make(["road", "car"]).index("car") == 1


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(DataError, match=r"^there is no class 'cat'\. Did you mean 'car'\? There are: road, car$"):
        Classes.make(["road", "car"]).index("cat")
    many = ", ".join(f"c{index}" for index in range(20))
    with pytest.raises(DataError, match=rf"^there is no class 'zebra'\. There are: {many}, …$"):
        Classes.make([f"c{index}" for index in range(21)]).index("zebra")


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


def test_one_name_a_line(tmp_path):
    (tmp_path / "names.txt").write_text("road\n car \n\n")
    assert read_classes(tmp_path / "names.txt") == Classes.make(["road", "car"], [False, False])


def test_a_table(tmp_path):
    (tmp_path / "info.txt").write_text("Idx\tRatio\tName\n1\t0.5\twall, inside\n2\t0.1\tsky\n")
    classes = read_classes(tmp_path / "info.txt")
    assert classes.names == ("wall, inside", "sky")
    assert classes.ids == (1, 2)


FORMS = (
    "Give a JSON list of names or of categories (name, id, isthing, color), alone or as 'classes' or 'categories' of a "
    "mapping, or a text file with one name a line."
)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "a.json",
            "[1, 2",
            "no class list can be read here (JSONDecodeError: Expecting ',' delimiter: line 1 column 6 ",
        ),
        ("a.json", '{"labels": []}', "no class list can be read here (KeyError: 'categories'). "),
        ("a.json", '[{"id": 1}]', "no class list can be read here (KeyError: 'name'). "),
        ("a.json", "5", "no class list can be read here (TypeError: 'int' object is not iterable). "),
        ("a.json", "[]", "the class list is empty. "),
        ("a.txt", "", "the class list is empty. "),
        ("a.txt", "A\tB\n1\tx\n", "no class list can be read here (KeyError: 'name'). "),
    ],
)
def test_what_is_no_class_list_is_told(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as error:
        read_classes(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name}: {said}")
    assert str(error.value).endswith(FORMS)


def test_a_folder_is_no_class_list(tmp_path):
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}: no class list can be read here (IsADirectoryError: ")):
        read_classes(tmp_path)


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (Classes.make(["a", "b", "a"]), "several classes have the name a. Give each its own name."),
        (Classes.make(["a", "b"], ids=[3, 3]), "several classes have the id 3. Give each its own id."),
        (
            Classes.make(["a", "b"], colors=[(0, 0, 0)]),
            "1 colours for 2 classes. Give each class one, or none at all.",
        ),
    ],
)
def test_a_contradictory_class_list_is_told(classes, said):
    with pytest.raises(DataError, match=f"^classes: {re.escape(said)}$"):
        check_classes(classes, "classes")


def test_real_class_lists(shared_data):
    camvid = read_classes(shared_data / "camvid/meta.json")
    assert (len(camvid), camvid.names[8], camvid.colors[8]) == (11, "Car", (64, 0, 128))
    ade = read_classes(shared_data / "ade20k_sample/ADEChallengeData2016/objectInfo150.txt")
    assert (len(ade), ade.names[0], ade.ids[0], ade.ids[-1]) == (150, "wall", 1, 150)
    coco = read_classes(shared_data / "coco_panoptic_sample/annotations/panoptic_coco_categories.json")
    assert (len(coco), sum(coco.things)) == (133, 80)
