"""Class lists in JSON: all forms, and the problems of wrong values."""

import json
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


COLOR = '[red, green, blue] with numbers from 0 to 255, or text such as "#037fc6"'


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        ({"labels": []}, ["there is neither 'classes' nor 'categories'. Name the list of classes so."]),
        (5, ["the class list is 5, but must be a list of names or of categories."]),
        ({"classes": {"a": 1}}, ["classes is a mapping, but must be a list of names or of categories."]),
        ([], ["the class list is empty. Name the classes."]),
        ({"categories": []}, ["categories is empty. Name the classes."]),
        ([7], ["the class list[0] is 7, but must be a mapping."]),
        ([""], ["the class list[0]: 'name' is \"\", but must be text that is not blank."]),
        (
            {"categories": [{"id": 1}, {"name": "a", "id": "x", "isthing": "no", "color": [300, 0, 0]}]},
            [
                "categories[0] (id 1): there is no 'name'.",
                'categories[1] (id "x"): \'id\' is "x", but must be a whole number.',
                'categories[1] (id "x"): \'isthing\' is "no", but must be 0 or 1.',
                f"categories[1] (id \"x\"): 'color' is a list of 3, but must be {COLOR}.",
            ],
        ),
        (
            {"classes": ["a", "b"], "palette": [[1, 1, 1]]},
            ["palette is a list of 1, but must be a list of 2 colors, one for each class."],
        ),
        (
            {"classes": ["a"], "palette": ["?"]},
            [f"palette[0]: 'color' is \"?\", but must be {COLOR}."],
        ),
    ],
)
def test_problems(tmp_path: Path, data: object, problems: list[str]) -> None:
    file = write(tmp_path, data)
    with pytest.raises(DataError) as error:
        read_json_classes(file)
    assert str(error.value).splitlines() == [f"{file}: {problem}" for problem in problems]
