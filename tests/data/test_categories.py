"""Class lists in JSON: all forms, and the problems of wrong values."""

import json
import re
from pathlib import Path

import pytest

from segkit.classes import Classes
from segkit.data.categories import read_json_classes
from segkit.errors import DataError


def write(folder: Path, data: object) -> Path:
    file = folder / "classes.json"
    file.write_text(json.dumps(data))
    return file


def test_values_as_other_tools_write_them(tmp_path: Path) -> None:
    car = {"id": "26", "name": " car ", "isthing": "1", "color": "#037fc6", "supercategory": None}
    sky = {"id": 27.0, "name": "sky", "isthing": "0", "color": None}
    classes = read_json_classes(write(tmp_path, [car, sky, "road"]))
    assert (classes.names, classes.ids, classes.things) == (("car", "sky", "road"), (26, 27, 2), (True, False, False))
    assert classes.colors[0] == (3, 127, 198)
    assert len(set(classes.colors)) == 3


def test_palette(tmp_path: Path) -> None:
    data = {
        "classes": ["a", {"name": "b", "color": [9, 9, 9]}, "c"],
        "palette": ["#010101", [2, 2, 2], None, [0, 0, 0]],
    }
    colors = read_json_classes(write(tmp_path, data)).colors
    assert colors[:2] == ((1, 1, 1), (9, 9, 9))
    assert len(set(colors)) == 3


def test_names_alone_are_stuff_with_distinct_colors(tmp_path: Path) -> None:
    assert read_json_classes(write(tmp_path, ["a", "b"])) == Classes.make(["a", "b"], [False, False])


LIST = "but must be a list of names or of categories, or a mapping of ids and names. Correct it."
COLOR = '[red, green, blue] with whole numbers from 0 to 255 or fractions from 0 to 1, or text such as "#037fc6"'


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        (
            {"labels": []},
            ["there is none of 'classes', 'categories', 'names', 'id2label', 'label2id'. Name the class list so."],
        ),
        (5, [f"the class list is 5, {LIST}"]),
        ({"classes": {"a": "b"}}, [f"classes is a mapping, {LIST}"]),
        ({"classes": {"0": "7"}}, [f"classes is a mapping, {LIST}"]),
        ({"names": {"0": "a", "1": 2}}, [f"names is a mapping, {LIST}"]),
        ({"names": ["a", "b"], "nc": 3}, ["nc is 3, but names has 2 classes. Correct one of them."]),
        ([], ["the class list is empty. Name the classes."]),
        ({"categories": []}, ["categories is empty. Name the classes."]),
        ([7], ["the class list[0] is 7, but must be a name in quotes or a mapping. Correct or remove it."]),
        ([""], ["the class list[0]: 'name' is \"\", but must be text that is not blank. Correct it."]),
        (
            {"categories": [{"id": 1}, {"name": "a", "id": "x", "isthing": "no"}]},
            [
                "categories[0] (id 1): there is no 'name'. Add it.",
                'categories[1] (id "x"): \'id\' is "x", but must be a whole number. Correct it or leave it out.',
                'categories[1] (id "x"): \'isthing\' is "no", but must be 0 or 1. Correct it or leave it out.',
            ],
        ),
        (
            {"classes": ["a", "b"], "palette": [[1, 1, 1]]},
            ["palette is a list of 1, but must be a list of 2 colors, one for each class. Correct it or leave it out."],
        ),
    ],
)
def test_problems(tmp_path: Path, data: object, problems: list[str]) -> None:
    file = write(tmp_path, data)
    with pytest.raises(DataError) as error:
        read_json_classes(file)
    assert str(error.value).splitlines() == [f"{file}: {problem}" for problem in problems]


@pytest.mark.parametrize(
    "data",
    [
        {"classes": ["a", "b", "c"], "palette": ["?", [1, 2, 3], {"r": 1}]},
        [{"name": "a", "color": "?"}, {"name": "b", "color": [1, 2, 3]}, {"name": "c", "color": []}],
    ],
)
def test_colors_that_cannot_be_read_are_replaced(tmp_path: Path, data: object) -> None:
    file = write(tmp_path, data)
    with pytest.warns(UserWarning, match="'color' of") as warned:
        colors = read_json_classes(file).colors
    assert colors[1] == (1, 2, 3)
    assert len(set(colors)) == 3
    (text,) = [str(one.message) for one in warned]
    assert text.endswith(
        f'[0]: \'color\' of "a" is "?", which is not {COLOR}. It is replaced by another color. So are those of 1 more.'
    )


@pytest.mark.parametrize(
    "data",
    [
        {"0": "road", "26": "car"},
        {"26": "car", "0": "road"},
        {"road": 0, "car": 26},
        {"car": "26", "road": "0"},
        {"id2label": {"0": "road", "26": "car"}, "label2id": {"road": 0, "car": 26}, "model_type": "maskformer"},
        {"names": {"0": "road", "26": "car"}, "nc": 2},
        {"classes": [{"name": "road"}, {"name": "car", "id": 26}]},
    ],
)
def test_ids_and_names_in_either_order(tmp_path: Path, data: object) -> None:
    classes = read_json_classes(write(tmp_path, data))
    assert (classes.names, classes.ids, classes.things) == (("road", "car"), (0, 26), (False, False))


def test_the_id_of_void_may_stand_beside_the_list(tmp_path: Path) -> None:
    assert read_json_classes(write(tmp_path, {"classes": ["road", "car"], "ignore_index": "7"})).void == (7,)
    with pytest.raises(
        DataError,
        match=r"the class list: 'ignore_index' is \"x\", but must be a whole number\. Correct it or leave it out\.$",
    ):
        read_json_classes(write(tmp_path, {"classes": ["road"], "ignore_index": "x"}))


def test_a_key_that_appears_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "id2label.json"
    file.write_text('{"0": "road", "0": "car"}')
    message = f'{file}: cannot read JSON (the key "0" appears twice). Restore the file or correct the path.'
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        read_json_classes(file)
