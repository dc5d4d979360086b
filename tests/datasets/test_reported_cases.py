"""COCO files from public reports, which other programs misread, and relatives of each."""

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from segkit.datasets.coco_instance import CocoInstance
from segkit.errors import DataError
from segkit.types import Target

HEIGHT, WIDTH, IMAGES = 48, 64, 4
RECTANGLES = [(8 + 6 * index, 6 + 3 * index, 32 + 6 * index, 26 + 3 * index) for index in range(IMAGES)]
"""x1, y1, x2, y2 of the instance of each image."""


def polygon(index: int) -> list[float]:
    x1, y1, x2, y2 = RECTANGLES[index]
    return [x1, y1, x2, y1, x2, y2, x1, y2]


def mask(index: int) -> torch.Tensor:
    x1, y1, x2, y2 = RECTANGLES[index]
    expected = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    expected[y1:y2, x1:x2] = True
    return expected


def read(folder: Path) -> CocoInstance:
    """Reads a dataset; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        return CocoInstance(images=str(folder / "images"), annotations=str(folder / "ann.json"))


def check_right(folder: Path, *, crowds: bool = False) -> CocoInstance:
    """Checks that each image has its rectangle."""
    dataset = read(folder)
    for index in range(IMAGES):
        target = dataset[index].target
        assert isinstance(target, Target)
        assert torch.equal(target.masks, mask(index)[None])
        assert target.is_crowd is not None
        assert target.areas is not None
        assert target.is_crowd.tolist() == [crowds]
        assert target.areas.tolist() == [480]
    assert dataset.segments.is_crowd.sum() == (IMAGES if crowds else 0)
    return dataset


def check_refused(folder: Path, problem: str, lines: int) -> None:
    """Checks that the dataset has so many problems, and what the last one is."""
    with pytest.raises(DataError) as error:
        read(folder)
    found = str(error.value).splitlines()
    assert len(found) == lines
    assert all(line.startswith(f"{folder / 'ann.json'}: ") for line in found)
    assert problem in found[-1]


@pytest.fixture(scope="module")
def cases(shared_cases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inputs of the reports that concern COCO files."""
    folder = tmp_path_factory.mktemp("cases")
    for name in ("c02_all_crowd", "c04_missing", "c16_colours", "c18_far_polygon"):
        subprocess.run([sys.executable, "-B", str(shared_cases / f"{name}.py"), str(folder)], check=True)
    return folder


@pytest.mark.parametrize(
    "name", ["noarea", "nocrowd", "strcrowd", "nullcrowd", "strimg", "floatsize", "strarea", "floatcat"]
)
def test_reported_values_of_another_type(cases: Path, name: str) -> None:
    check_right(cases / f"c04{name}")


@pytest.mark.parametrize(
    ("name", "problem", "lines"),
    [
        ("nosize", "images[3] (id 3): there is no 'height'.", 4),
        ("nullsize", "images[3] (id 3): 'width' is null, but must be a whole number of at least 1.", 8),
        ("nanarea", "annotations[3] (id 4): 'area' is NaN, but must be a finite number.", 4),
        ("noann", "there is no list 'annotations'.", 1),
    ],
)
def test_reported_problems(cases: Path, name: str, problem: str, lines: int) -> None:
    check_refused(cases / f"c04{name}", problem, lines)


def test_a_reported_box_without_mask_is_left_out(cases: Path) -> None:
    folder = cases / "c04noseg"
    with pytest.warns(
        UserWarning, match=r"1 of 4 annotations have a box but no mask and are left out: .* annotations\[3\]"
    ):
        dataset = CocoInstance(images=str(folder / "images"), annotations=str(folder / "ann.json"))
    assert dataset.annotation_counts(IMAGES).segments == [3]


def test_reported_crowds_are_counted(cases: Path) -> None:
    check_right(cases / "c02", crowds=True)
    check_right(cases / "c02ok")


@pytest.mark.parametrize(
    ("name", "color"), [("hex", (3, 127, 198)), ("unit", (26, 128, 230)), ("rgba", (1, 2, 3)), ("null", (242, 36, 36))]
)
def test_reported_colors(cases: Path, name: str, color: tuple[int, int, int]) -> None:
    assert check_right(cases / f"c16{name}").classes.colors == (color,)


@pytest.mark.parametrize("name", ["over", "neg"])
def test_reported_colors_out_of_range(cases: Path, name: str) -> None:
    folder = cases / f"c16{name}"
    with pytest.warns(UserWarning, match=r"categories\[0\] \(id 1\): 'color' of \"\w+\" is a list of 3, which is not "):
        dataset = CocoInstance(images=str(folder / "images"), annotations=str(folder / "ann.json"))
    assert dataset.classes.colors == ((242, 36, 36),)


@pytest.mark.parametrize("name", ["c18", "c18metres"])
def test_reported_far_polygons(cases: Path, name: str) -> None:
    check_far(cases / name)


def check_far(folder: Path) -> None:
    """Checks that the instance of the last image reaches from x = 8 to the right border."""
    with pytest.warns(UserWarning, match="1 annotation: polygons reach beyond the image by more than a tenth"):
        dataset = CocoInstance(images=str(folder / "images"), annotations=str(folder / "ann.json"))
    target = dataset[IMAGES - 1].target
    assert target is not None
    expected = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    expected[6:26, 8:] = True
    assert torch.equal(target.masks[0], expected)


Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def made(tmp_path: Path) -> Callable[[Change], Path]:
    """Makes a dataset of four images with one rectangle each, and changes its JSON."""

    def make(change: Change) -> Path:
        (tmp_path / "images").mkdir()
        for index in range(IMAGES):
            Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "images" / f"{index}.png")
        data = {
            "images": [
                {"id": index, "file_name": f"{index}.png", "height": HEIGHT, "width": WIDTH} for index in range(IMAGES)
            ],
            "annotations": [
                {"id": index + 1, "image_id": index, "category_id": 1, "segmentation": [polygon(index)], "area": 480}
                for index in range(IMAGES)
            ],
            "categories": [{"id": 1, "name": "box"}],
        }
        change(data)
        (tmp_path / "ann.json").write_text(json.dumps(data))
        return tmp_path

    return make


def of_annotations(**changes: Any) -> Change:
    """Returns a change of all annotations."""

    def change(data: dict[str, Any]) -> None:
        for entry in data["annotations"]:
            entry.update(changes)

    return change


def of_categories(**changes: Any) -> Change:
    def change(data: dict[str, Any]) -> None:
        data["categories"][0].update(changes)

    return change


def everything_as_text(data: dict[str, Any]) -> None:
    """Writes all numbers as text, as tables exported to JSON have them."""
    for name in ("images", "annotations", "categories"):
        data[name] = [
            {key: str(value) if isinstance(value, int) else value for key, value in entry.items()}
            for entry in data[name]
        ]
    for index, entry in enumerate(data["annotations"]):
        entry["segmentation"] = [[str(number) for number in polygon(index)]]


def ids_of_images_as_text(data: dict[str, Any]) -> None:
    for entry in data["images"]:
        entry["id"] = f"{entry['id']}"


@pytest.mark.parametrize(
    "change",
    [
        lambda data: None,
        everything_as_text,
        ids_of_images_as_text,
        of_annotations(iscrowd=False),
        of_annotations(area=None, iscrowd=None, bbox=None, id=None),
        of_annotations(category_id="1.0"),
    ],
)
def test_values_of_another_type(made: Callable[[Change], Path], change: Change) -> None:
    check_right(made(change))


@pytest.mark.parametrize("flag", [1, True, "1"])
def test_crowds_are_counted(made: Callable[[Change], Path], flag: object) -> None:
    check_right(made(of_annotations(iscrowd=flag)), crowds=True)


@pytest.mark.parametrize(
    ("change", "problem", "lines"),
    [
        (of_annotations(iscrowd="false"), "annotations[3] (id 4): 'iscrowd' is \"false\", but must be 0 or 1.", 4),
        (of_annotations(image_id="0.5"), "annotations[3] (id 4): 'image_id' is \"0.5\", but 'images' does not list", 4),
        (of_annotations(category_id=True), "'category_id' is true, but must be a whole number or text.", 4),
        (of_annotations(id=float("inf")), "annotations[3] (id Infinity): 'id' is Infinity, but must be a whole", 4),
        (
            of_categories(id=float("inf")),
            "categories[0] (id Infinity): 'id' is Infinity, but must be a whole number.",
            1,
        ),
        (
            of_annotations(segmentation=[[0.1, 0.1, 0.6, 0.1, 0.6, 0.5]], area=None),
            "annotations[3] (id 4): the polygon coordinates are fractions of the image; multiply by width and height",
            4,
        ),
        (of_annotations(segmentation=[[0, 0, 1, 0, 1, 1, 0, 1]]), "coordinates are fractions of the image", 4),
        (of_annotations(segmentation=[["0.1", "0.1", "0.6", "0.1", "0.6", "0.5"]]), "are fractions of the image", 4),
    ],
)
def test_problems(made: Callable[[Change], Path], change: Change, problem: str, lines: int) -> None:
    check_refused(made(change), problem, lines)


@pytest.mark.parametrize(
    ("color", "expected"), [("#037FC680", (3, 127, 198)), ([0.5, 1, 0, 1], (128, 255, 0)), (["1", "2", "3"], (1, 2, 3))]
)
def test_colors(made: Callable[[Change], Path], color: object, expected: tuple[int, int, int]) -> None:
    assert check_right(made(of_categories(color=color))).classes.colors == (expected,)


@pytest.mark.parametrize("color", [[], {"r": 1}, "#12345", [0.5, 0.5, 300], True])
def test_colors_that_cannot_be_read_are_replaced(made: Callable[[Change], Path], color: object) -> None:
    folder = made(of_categories(color=color))
    with pytest.warns(UserWarning, match=r"categories\[0\] \(id 1\): 'color' of .* It is replaced by another color\.$"):
        dataset = CocoInstance(images=str(folder / "images"), annotations=str(folder / "ann.json"))
    assert dataset.classes.colors == ((242, 36, 36),)


@pytest.mark.parametrize("far", [5.9e6, 3.5e8, 4e9, 1e300])
@pytest.mark.parametrize("swapped", [False, True])
def test_far_polygons(made: Callable[[Change], Path], far: float, swapped: bool) -> None:
    outline = [far, 6, far, 26, 8, 26, 8, 6] if swapped else [8, 6, far, 6, far, 26, 8, 26]
    folder = made(lambda data: data["annotations"][-1].update(segmentation=[outline], area=1120))
    check_far(folder)
