"""What ids in label files mean."""

import pytest

from segkit.classes import Classes
from segkit.config import load_config
from segkit.datasets._label_ids import class_index_table, class_list
from segkit.errors import ConfigError, DataError
from segkit.types import NO_SEGMENT


@pytest.mark.parametrize(("void", "index"), [(None, NO_SEGMENT), ([], -2), ([0], -2), (255, NO_SEGMENT)])
def test_an_empty_list_of_void_ids_is_none(void, index):
    _, table = class_index_table(Classes.make(["a", "b"], ids=[1, 2]), None, void)
    assert table[255] == index


def test_the_explained_settings_read_the_object():
    label_map: dict[str, int | str] = {"0": "background", "255": "object"}
    for void in ([], None):
        classes, table = class_index_table(Classes.make(["background", "object"]), label_map, void)
        assert classes.ids == (0, 255)
        assert table[[0, 255]].tolist() == [0, 1]


def test_void_ids_of_the_class_list_count_unless_the_settings_say_otherwise():
    classes = Classes.make(["road", "car"], ids=[7, 26], void=[0, 4])
    _, table = class_index_table(classes, None, None)
    assert table[[0, 4, 7, 255]].tolist() == [NO_SEGMENT, NO_SEGMENT, 0, -2]
    _, table = class_index_table(classes, None, [255])
    assert table[[0, 255]].tolist() == [-2, NO_SEGMENT]
    _, table = class_index_table(classes, {"0": "car"}, None)
    assert table[[0, 4]].tolist() == [1, NO_SEGMENT]


@pytest.mark.parametrize("id", [-1, 65536, 2**31])
@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("c.json", '[{"name": "a", "id": ID}]', "the class list[0] (id ID): 'id' is ID"),
        ("c.json", '{"classes": ["a"], "ignore_index": ID}', "the class list: 'ignore_index' is ID"),
        ("c.csv", "id,name\nID,a\n", 'class[0] (id "ID"): \'id\' is "ID"'),
    ],
)
def test_ids_of_class_files_that_no_label_file_can_hold(tmp_path, id, name, text, problem):
    file = tmp_path / name
    file.write_text(text.replace("ID", str(id)))
    with pytest.raises(DataError) as caught:
        class_list(file, None)
    needed = "a whole number from 0 to 65535, which a label file can hold. Correct it or leave it out."
    assert str(caught.value) == f"{file}: {problem.replace('ID', str(id))}, but must be {needed}"
    assert class_list(file, None, mapped=True).names == ("a",)


@pytest.mark.parametrize("kind", ["mask_folder", "instance_folder"])
@pytest.mark.parametrize(
    ("void", "line"),
    [("-1", "void: must be at least 0, not -1."), ("[0, 65536]", "void.1: must be at most 65535, not 65536.")],
)
def test_void_ids_that_no_file_can_hold_are_refused_before_a_file_is_read(kind, void, line):
    dataset = f"{{type: {kind}, images: a, labels: b, classes: [c], void: {void}}}"
    with pytest.raises(ConfigError) as caught:
        load_config("configs/quickstart.yaml", [f"data.train.dataset={dataset}"])
    assert str(caught.value) == f"<command line>: data.train.dataset.{line}"
