"""Colors in all forms that JSON files hold."""

import pytest

from segkit.classes import distinct_colors
from segkit.data.colors import as_color, fill_colors, voc_colors
from segkit.data.json_values import NotThisError


@pytest.mark.parametrize(
    ("value", "color"),
    [
        ([1, 2, 3], (1, 2, 3)),
        ([1, 2, 3, 255], (1, 2, 3)),
        (["1", 2.0, "3"], (1, 2, 3)),
        ([0, 1, 1], (0, 1, 1)),
        ([0.0, 1.0, 1.0], (0, 255, 255)),
        ([1.0, 0, 0], (255, 0, 0)),
        ([0.1, 0.5, 0.9], (26, 128, 230)),
        ([0.5, 1, 0, 1], (128, 255, 0)),
        ("#037fc6", (3, 127, 198)),
        ("#037FC6ff", (3, 127, 198)),
        ("037fc6", (3, 127, 198)),
        (" 037FC6ff", (3, 127, 198)),
        ("000000", (0, 0, 0)),
        ("#fff", (255, 255, 255)),
        ("rgb(3, 127, 198)", (3, 127, 198)),
        ("red", (255, 0, 0)),
    ],
)
def test_forms(value: object, color: object) -> None:
    assert as_color(value) == color


@pytest.mark.parametrize(
    "value",
    [
        [300, 0, 0],
        [-1, 0, 0],
        [1, 2],
        [1, 2, 3, 4, 5],
        [1, 2, None],
        [1, True, 2],
        [0.5, -0.5, 0],
        [1.5, 2, 3],
        [127.4, 0, 255],
        [0.5, 1.01, 0],
        [],
        [float("nan"), 0, 0],
        [float("inf"), 0, 0],
        [[1], 2, 3],
        "red?",
        "",
        "rgb(300, 0, 0)",
        "#12345",
        "12345",
        "037fc",
        5,
        True,
        {"r": 1},
    ],
)
def test_other_values(value: object) -> None:
    with pytest.raises(NotThisError) as error:
        as_color(value)
    assert (
        str(error.value)
        == '[red, green, blue] with whole numbers from 0 to 255 or fractions from 0 to 1, or text such as "#037fc6"'
    )


def test_missing_colors_are_distinct() -> None:
    assert tuple(fill_colors([None] * 5)) == distinct_colors(5)
    taken = distinct_colors(2)[1]
    filled = fill_colors([taken, None, None, (1, 2, 3)])
    assert (filled[0], filled[3]) == (taken, (1, 2, 3))
    assert len(set(filled)) == 4
    assert fill_colors([]) == []


def test_the_palette_of_voc() -> None:
    colors = voc_colors(256)
    assert colors[15] == (192, 128, 128)
    assert colors[255] == (224, 224, 192)
    assert len(set(colors)) == 256
