"""Class lists in all forms that files hold."""

import json
import re

import pytest

from segkit.classes import Classes
from segkit.data.class_list import check_classes, listed_classes, read_classes
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


FORMS = (
    "These forms are read: one name per line; numbered lines such as '0: road' or 'road: 0'; a table with a heading "
    "such as 'Pixel Value, Class' or 'name,r,g,b'; CVAT's labelmap.txt; labelme's labels.txt; YOLO's data.yaml; JSON "
    "with a list of names, of categories (name, id, isthing, isvoid, color), id2label or label2id."
)


def refused(file, message):
    with pytest.raises(DataError, match=f"^{re.escape(f'{file}: {message}')}$"):
        read_classes(file)


def test_an_empty_file_is_refused(tmp_path):
    file = tmp_path / "a.txt"
    for text in ("", "\n \n", "# nothing but a comment\n", "\ufeff"):
        file.write_text(text)
        refused(file, f"the class list is empty. {FORMS}")


def test_a_line_that_is_no_name_is_refused(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("road\n\n'car',\n")
    problem = "it looks like a part of JSON, YAML, XML or code"
    refused(file, f"line 3, ''car',', is no class name: {problem}. {FORMS}")


def test_a_heading_in_brackets_is_no_json(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("[classes]\nroad\n")
    problem = "it looks like a part of JSON, YAML, XML or code"
    refused(file, f"line 1, '[classes]', is no class name: {problem}. {FORMS}")


@pytest.mark.parametrize(("name", "text"), [("a.json", '["road", null, 1]'), ("a.yaml", "[road, null, 1]")])
def test_entries_that_are_no_names(tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text)
    refused(
        file,
        "the class list[1] is null, but must be a name in quotes or a mapping. Correct or remove it.\n"
        f"{file}: the class list[2] is 1, but must be a name in quotes or a mapping. Correct or remove it.",
    )


def test_a_data_yaml_without_names(tmp_path):
    file = tmp_path / "data.yaml"
    file.write_text("nc: 2\n")
    refused(file, "there is none of 'classes', 'categories', 'names', 'id2label', 'label2id'. Name the class list so.")


def test_a_folder_is_refused(tmp_path):
    refused(tmp_path, "cannot read a class list (Is a directory). Correct the path.")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "straße\r\ncar\r\n"),
        ("a.json", '["straße", "car"]'),
        ("a.txt", '{"0": "straße", "1": "car"}'),
        ("a.yaml", "names: [straße, car]"),
    ],
)
def test_encodings_with_a_byte_order_mark_and_utf_8(tmp_path, encoding, name, text):
    (tmp_path / name).write_bytes(text.encode(encoding))
    assert read_classes(tmp_path / name) == Classes.make(["straße", "car"], [False, False])


def test_other_encodings_are_refused(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes("road\nstraße\n".encode("latin-1"))
    refused(
        file,
        "line 2 is not text in UTF-8 (byte 0xdf). Save the file as UTF-8; it may be in Latin-1 or another encoding of "
        "one byte a character.",
    )
    file.write_bytes("road\n".encode("utf-16-le"))
    refused(file, "it holds zero bytes. Save the file as text in UTF-8.")


def test_colors_of_cvat_and_camvid(tmp_path):
    (tmp_path / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nroad:1,2,3::\ncar:4,5,6:wheel,door:\n")
    assert read_classes(tmp_path / "labelmap.txt").colors == ((1, 2, 3), (4, 5, 6))
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nroad,1,2,3\ncar,4,5,6\n")
    assert read_classes(tmp_path / "class_dict.csv").colors == ((1, 2, 3), (4, 5, 6))
    (tmp_path / "labelmap.txt").write_text("road:1,2,300::\n")
    with pytest.warns(UserWarning, match=r"class\[0\]: 'color' of \"road\" is a list of 3, which is not "):
        assert read_classes(tmp_path / "labelmap.txt").names == ("road",)


@pytest.mark.parametrize(
    ("classes", "problem"),
    [
        (Classes.make(["a", "b", "a"]), "several classes have the name a. Give each class its own name."),
        (Classes.make(["a", "b"], ids=[3, 3]), "several classes have the id 3. Give each class its own id."),
        (
            Classes.make(["a", "b"], colors=[(0, 0, 0)]),
            "1 color for 2 classes. Give every class a color, or none.",
        ),
    ],
)
def test_an_inconsistent_class_list_is_refused(classes, problem):
    with pytest.raises(DataError, match=f"^classes: {re.escape(problem)}$"):
        check_classes(classes, "classes")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "id;name;isthing;isvoid\n0;unlabeled;0;1\n7;road;0;0\n26;car;1;0\n255;void;0;1\n"),
        (
            "a.json",
            '[{"id": 0, "name": "unlabeled", "isvoid": 1}, {"id": 7, "name": "road"}, '
            '{"id": 26, "name": "car", "isthing": 1}, {"id": 255, "isvoid": true}]',
        ),
    ],
)
def test_void_ids_are_no_classes(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    classes = read_classes(tmp_path / name)
    assert (classes.names, classes.things, classes.ids) == (("road", "car"), (False, True), (7, 26))
    assert classes.void == (0, 255)


def test_real_class_lists(shared_data):
    camvid = read_classes(shared_data / "camvid/meta.json")
    assert (len(camvid), camvid.names[8], camvid.colors[8]) == (11, "Car", (64, 0, 128))
    ade = read_classes(shared_data / "ade20k_sample/ADEChallengeData2016/objectInfo150.txt")
    assert (len(ade), ade.names[0], ade.ids[0], ade.ids[-1]) == (150, "wall", 1, 150)
    coco = read_classes(shared_data / "coco_panoptic_sample/annotations/panoptic_coco_categories.json")
    assert (len(coco), sum(coco.things)) == (133, 80)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"id2label": {"0": "a", "1": "b"}, "ignore_index": 1}', "1 is the id of 'b' and that of void."),
        ('[{"name": "a", "id": 3}, {"name": "rest", "id": 3, "isvoid": 1}]', "3 is the id of 'a' and that of void."),
    ],
)
def test_an_id_of_a_class_and_of_void_is_refused(tmp_path, text, problem):
    file = tmp_path / "a.json"
    file.write_text(text)
    refused(file, f"{problem} Change one of them.")


NO_NAMES = {
    "__ignore__": "it is labelme's mark of void, which is no class",
    "# label:color_rgb:parts:actions": "it looks like a comment",
    "road:128,64,128::": "it is a line of CVAT's labelmap.txt. Name that file instead",
    "a" * 201: "it has more than 200 characters",
}


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_is_refused_wherever_it_stands(tmp_path, name):
    message = f"{name[:60]!r} is no class name: {NO_NAMES[name]}. Correct or remove it."
    (tmp_path / "a.json").write_text(json.dumps(["car", name]))
    (tmp_path / "a.yaml").write_text(json.dumps({"names": ["car", name]}))
    refused(tmp_path / "a.json", message)
    refused(tmp_path / "a.yaml", message)
    with pytest.raises(DataError, match=f"^{re.escape(f'classes: {message}')}$"):
        listed_classes(["car", name], "classes")


def test_names_of_a_config_are_read_as_those_of_a_file():
    assert listed_classes(["road", " box "], "classes", first_id=1) == Classes.make(
        ["road", "box"], [False, False], ids=[1, 2]
    )
    message = "classes: the list[1] (id 1): 'name' is \"\", but must be text that is not blank. Correct it."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        listed_classes(["road", ""], "classes")
    with pytest.raises(DataError, match=r"^classes: several classes have the name box\. Give each class its own name"):
        listed_classes(["box", " box"], "classes")


def test_a_class_called_void_counts_as_void(tmp_path):
    file = tmp_path / "class_dict.csv"
    file.write_text("name,r,g,b\nAnimal,64,128,64\nVoid,0,0,0\n")
    message = (
        f"{file}: 'Void' counts as void, which is neither learned nor evaluated. If it is a class, give it another "
        f"name, or list it with 'isvoid' 0."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        classes = read_classes(file)
    assert (classes.names, classes.void, classes.void_colors) == (("Animal",), (1,), ((0, 0, 0),))
    file.write_text("name,r,g,b,isvoid\nAnimal,64,128,64,\nVoid,0,0,0,0\n")
    assert read_classes(file).names == ("Animal", "Void")


def test_a_class_of_a_config_called_void_is_told():
    message = (
        "classes: 'void' is a class like the others here: it is learned and evaluated. If it stands for void, map its "
        "id to void, or list it with 'isvoid' 1 in a file."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        assert listed_classes(["void", "road"], "classes").ids == (0, 1)


def test_a_table_may_leave_cells_empty_but_not_ids(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("name,r,g,b,isvoid\nroad,1,2,3,\nrest,,,,1\n")
    assert read_classes(file).void == (1,)
    file.write_text("id,name,isvoid\n,road,\n")
    refused(file, 'class[0] (id ""): \'id\' is "", but must be a whole number. Correct it or leave it out.')
