"""Drawings of an evaluation: the first images, the worst and the best."""

from pathlib import Path

import pytest
import torch

from segkit.classes import Classes
from segkit.errors import WriteError
from segkit.results.overlay_writer import OverlayWriter, overlay_files
from segkit.runtime.processes import Process
from segkit.types import Batch, ImageSizes, PanopticResult, PanopticSegment, SemanticResult, Target

CLASSES = Classes.make(["sky", "car"], things=[False, True])
SIZES = ImageSizes((4, 8), (4, 8), (4, 8))
ALL_SKY = Target(torch.tensor([0]), torch.zeros(4, 8, dtype=torch.int32))


def wrong(columns):
    """A semantic result in which this many of eight columns are wrong."""
    label_map = torch.zeros(4, 8, dtype=torch.int64)
    label_map[:, :columns] = 1
    return SemanticResult(label_map)


def write(folder, results, count):
    """Returns the names of the files that are written of one image per result."""
    with overlay_files(folder, CLASSES, count, Process(torch.device("cpu"))) as writer:
        for number, result in enumerate(results):
            image = torch.zeros(1, 3, 4, 8, dtype=torch.uint8)
            writer(Batch(image, [SIZES], [ALL_SKY], [f"{number}.jpg"], [number]), 0, result)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))


def test_the_first_the_worst_and_the_best(tmp_path):
    assert write(tmp_path, [wrong(columns) for columns in (2, 8, 0, 4, 6)], 2) == [
        "0_semantic.png",
        "1_semantic.png",
        "best/0_semantic_0.250.png",
        "best/2_semantic_0.000.png",
        "worst/1_semantic_1.000.png",
        "worst/4_semantic_0.750.png",
    ]


def test_of_equal_errors_the_first_images_are_the_worst_and_the_last_the_best(tmp_path):
    assert write(tmp_path, [wrong(4)] * 3, 1) == [
        "0_semantic.png",
        "best/2_semantic_0.500.png",
        "worst/0_semantic_0.500.png",
    ]


def test_an_image_that_a_dataset_has_twice_is_drawn_once(tmp_path):
    with overlay_files(tmp_path, CLASSES, 2, Process(torch.device("cpu"))) as writer:
        for name, columns in [("a", 8), ("b", 6), ("a", 8), ("b", 6), ("c", 0), ("c", 0)]:
            batch = Batch(torch.zeros(1, 3, 4, 8, dtype=torch.uint8), [SIZES], [ALL_SKY], [f"{name}.jpg"], [0])
            writer(batch, 0, wrong(columns))
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")) == [
        "a_semantic.png",
        "b_semantic.png",
        "best/c_semantic_0.000.png",
        "worst/a_semantic_1.000.png",
        "worst/b_semantic_0.750.png",
    ]


@pytest.mark.parametrize(("images", "worst", "best"), [(1, [0], []), (2, [0], [1]), (5, [0, 1, 2], [3, 4])])
def test_no_image_is_among_the_worst_and_the_best(tmp_path, images, worst, best):
    written = write(tmp_path, [wrong(8 - columns) for columns in range(images)], 4)
    assert [int(name[6]) for name in written if name.startswith("worst")] == worst
    assert [int(name[5]) for name in written if name.startswith("best")] == best
    assert (tmp_path / "best").exists() == bool(best)


def test_no_image_of_equal_errors_is_among_the_worst_and_the_best(tmp_path):
    written = write(tmp_path, [wrong(4)] * 3, 2)
    assert [name for name in written if "/" in name] == [
        "best/2_semantic_0.500.png",
        "worst/0_semantic_0.500.png",
        "worst/1_semantic_0.500.png",
    ]


def test_each_task_has_drawings_of_its_own(tmp_path):
    panoptic = PanopticResult(torch.ones(4, 8, dtype=torch.int32), [PanopticSegment(1, 0, False, 0.9)])
    assert [name for name in write(tmp_path, [wrong(0), panoptic], 2) if name.startswith("worst")] == [
        "worst/0_semantic_0.000.png",
        "worst/1_panoptic_0.000.png",
    ]


def test_earlier_drawings_are_replaced_and_other_files_stay(tmp_path):
    write(tmp_path, [wrong(1), wrong(2)], 2)
    (tmp_path / "notes.txt").touch()
    assert write(tmp_path, [wrong(5)], 2) == [
        "0_semantic.png",
        "worst/0_semantic_0.625.png",
    ]
    assert (tmp_path / "notes.txt").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no file that is always full")
def test_a_full_disk_is_named(tmp_path):
    (tmp_path / "0_semantic.png.writing").symlink_to("/dev/full")
    batch = Batch(torch.zeros(1, 3, 4, 8, dtype=torch.uint8), [SIZES], [ALL_SKY], ["0.jpg"], [0])
    with pytest.raises(WriteError, match=r"0_semantic.png: cannot be written \(No space left on device\)"):
        OverlayWriter(tmp_path, CLASSES, 1)(batch, 0, wrong(1))


def test_no_overlays_make_no_folder(tmp_path):
    assert write(tmp_path / "drawn", [wrong(1)], 0) == []
    assert not (tmp_path / "drawn").exists()
