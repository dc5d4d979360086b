"""Label files that hold colors."""

import re

import numpy as np
import pytest
from PIL import Image

from segkit.classes import Classes
from segkit.datasets._label_colors import ColorTable
from segkit.datasets.mask_folder import MaskFolder
from segkit.errors import DataError
from segkit.ops.targets import label_map_of
from segkit.types import NO_SEGMENT

ROAD, CAR, BLACK = (128, 64, 128), (0, 0, 142), (0, 0, 0)
COLORS = {"road": list(ROAD), "car": "#00008e", "void": list(BLACK)}


class Folder:
    def __init__(self, root):
        self.root = root
        for name in ("images", "labels"):
            (root / name).mkdir()

    def add(self, rows, mode="RGB", name="a.png"):
        colors = np.array(rows, dtype=np.uint8)
        Image.fromarray(colors).save(self.root / "images" / "a.png")
        image = Image.fromarray(colors)
        (image.quantize(16) if mode == "P" else image.convert(mode)).save(self.root / "labels" / name)

    def load(self, colors, classes=("road", "car"), **more):
        classes = classes if isinstance(classes, str) else list(classes)
        return MaskFolder(
            images=str(self.root / "images"), labels=str(self.root / "labels"), classes=classes, colors=colors, **more
        )

    def refused(self, message, colors=COLORS, **more):
        with pytest.raises(DataError, match=f"^{re.escape(message)}"):
            self.load(colors, **more)[0]


@pytest.fixture
def folder(tmp_path):
    folder = Folder(tmp_path)
    folder.add([[ROAD, CAR, CAR], [BLACK, ROAD, BLACK]])
    return folder


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
def test_colors_are_read_from_files_of_several_modes(folder, mode):
    folder.add([[ROAD, CAR, CAR], [BLACK, ROAD, BLACK]], mode)
    dataset = folder.load(COLORS)
    target = dataset[0].target
    assert label_map_of(target, 255).tolist() == [[0, 1, 1], [255, 0, 255]]
    assert target.valid.tolist() == [[True, True, True], [False, True, False]]
    assert dataset.classes.colors == (ROAD, CAR)
    assert dataset.classes.ids == (0, 1)
    assert dataset.explain(dataset.stored_ids(0)) == ""


def test_gray_values_are_colors_too(folder):
    folder.add([[(9, 9, 9), (255, 255, 255)]], "L")
    target = folder.load([[9, 9, 9], "white"])[0].target
    assert label_map_of(target, 255).tolist() == [[0, 1]]


def test_a_class_may_have_several_colors(folder):
    target = folder.load({"road": [list(ROAD), [0, 0, 0]], "car": "#00008e"})[0].target
    assert label_map_of(target, 255).tolist() == [[0, 1, 1], [0, 0, 0]]


def test_the_class_file_may_give_the_colors(folder, tmp_path):
    (tmp_path / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\nroad:128,64,128::\ncar:0,0,142::\n"
    )
    dataset = folder.load(True, str(tmp_path / "labelmap.txt"))
    assert label_map_of(dataset[0].target, 255).tolist() == [[1, 2, 2], [0, 1, 0]]


def test_many_colors_are_read_as_by_hand(folder):
    generator = np.random.default_rng(0)
    colors = generator.permutation(256**3)[:300]
    rgb = np.stack([colors & 255, colors >> 8 & 255, colors >> 16], 1).astype(np.uint8)
    places = generator.integers(0, 300, (40, 50))
    folder.add(rgb[places])
    target = folder.load(rgb.tolist(), [f"class {number}" for number in range(300)])[0].target
    assert np.array_equal(label_map_of(target, -1).numpy(), places)


def test_other_colors_are_named(folder):
    folder.add([[(1, 2, 3), CAR, (255, 255, 255)]])
    folder.refused(
        f"{folder.root}/labels/a.png: 2 colors belong to no class: (1, 2, 3), (255, 255, 255). Name each under its "
        f"class in 'colors', or under void. If there are very many, the file was resized or smoothed: export it again."
    )


@pytest.mark.parametrize(
    ("mode", "problem"),
    [
        (
            "I;16",
            "a label map of mode I;16 holds no colors of 8 bits a channel. Store the colors in an RGB PNG, or leave",
        ),
        (
            "RGBa",
            "the label map is transparent in parts, so it does not show what its transparent pixels are. Store the",
        ),
    ],
)
def test_other_modes_are_refused(folder, mode, problem):
    file = folder.root / "labels" / "a.png"
    if mode == "I;16":
        Image.fromarray(np.zeros((2, 3), np.uint16)).save(file)
    else:
        Image.fromarray(np.arange(24, dtype=np.uint8).reshape(2, 3, 4)).save(file)
    folder.refused(f"{file}: {problem}")


FORMS = (
    'Write a color for each class, as in {road: [128, 64, 128], car: "#00008e", void: [0, 0, 0]}, or true for the '
    "colors of the class list."
)


@pytest.mark.parametrize(
    ("colors", "more", "message"),
    [
        ({"road": "red"}, {}, f"colors: there is none for car. {FORMS}"),
        (["red"], {}, f"colors: there are 1 for 2 classes. {FORMS}"),
        (["red", "#f00"], {}, "colors: road and car both have the color (255, 0, 0). Change one."),
        ({"raod": "red"}, {}, "there is no class 'raod'. Did you mean 'road'? There are: road, car"),
        (
            {"road": "red", "car": [1, 2]},
            {},
            "colors: that of car is [1, 2], but must be [red, green, blue] with whole numbers from 0 to 255 or "
            f'fractions from 0 to 1, or text such as "#037fc6". {FORMS}',
        ),
        (
            True,
            {},
            "colors: 'true' means the colors of the class file, but 'classes' is a list of names. Name the colors, "
            "as in "
            "{road: [128, 64, 128]}, or name a file with colors in 'classes'.",
        ),
        (
            COLORS,
            {"void": 0},
            "void: label files with 'colors' hold no ids. Remove 'void', and name the colors of void in 'colors' under "
            "void.",
        ),
        (
            COLORS,
            {"label_map": {"0": "road"}},
            "label_map: label files with 'colors' hold no ids. Remove 'label_map', and name the colors of void in "
            "'colors' "
            "under void.",
        ),
    ],
)
def test_contradictory_settings_are_refused(folder, colors, more, message):
    folder.refused(message, colors, **more)


def test_true_takes_the_colors_of_void_from_the_class_list():
    classes = Classes(("road",), (False,), ((1, 2, 3),), (0,), (1,), ((0, 0, 0), (9, 9, 9)))
    table = ColorTable(classes, True)
    assert table.class_indices.tolist() == [0, NO_SEGMENT, NO_SEGMENT]


def test_void_in_any_case_is_void():
    assert ColorTable(Classes.make(["road"]), {"road": "red", "Void": "black"}).class_indices.tolist() == [0, -1]
