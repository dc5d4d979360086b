"""COCO's panoptic format, by hand and on the real sample."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from segkit.datasets.coco_panoptic import CocoPanoptic
from segkit.errors import DataError
from segkit.ops.targets import label_map_of, pixel_counts, prepare_for_training
from segkit.registries import AnnotationCounts
from segkit.types import Target

SKY, CAR, TREE = 200_000, 300, 7
"""Segment ids that need three, two and one of a pixel's bytes."""


def segment(id: int, category_id: int, area: float = 1, **more: Any) -> dict[str, Any]:
    return {"id": id, "category_id": category_id, "area": area, **more}


def write_png(file: Path, ids: list[list[int]]) -> None:
    array = np.array(ids)
    Image.fromarray(np.stack([array % 256, array // 256 % 256, array // 65536], 2).astype(np.uint8)).save(file)


class Folder:
    """A dataset of two 3x2 images, the second without an annotation, that a test may damage."""

    def __init__(self, root: Path) -> None:
        self.images, self.masks, self.json = root / "images", root / "masks", root / "panoptic.json"
        self.images.mkdir()
        self.masks.mkdir()
        for name in ("b.jpg", "a.jpg"):
            Image.new("RGB", (3, 2)).save(self.images / name)
        write_png(self.masks / "b.png", [[SKY, SKY, CAR], [0, 8, 8]])
        self.data: dict[str, Any] = {
            "images": [{"id": 9, "file_name": "b.jpg"}, {"id": "x", "file_name": "a.jpg"}],
            "annotations": [
                {
                    "image_id": 9,
                    "file_name": "b.png",
                    "segments_info": [segment(CAR, 3, 11.5, iscrowd=1), segment(SKY, 40, 2), segment(8, 3, 2)],
                }
            ],
            "categories": [
                {"id": 40, "name": "sky", "isthing": 0, "color": [1, 2, 3]},
                {"id": 3, "name": "car", "isthing": 1, "color": [4, 5, 6]},
            ],
        }

    @property
    def segments(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.data["annotations"][0]["segments_info"]
        return found

    def read(self, **settings: Any) -> CocoPanoptic:
        self.json.write_text(json.dumps(self.data))
        given = {"images": str(self.images), "annotations": str(self.json), "masks": str(self.masks), **settings}
        return CocoPanoptic(**given)

    def error(self, **settings: Any) -> str:
        with pytest.raises(DataError) as caught:
            self.read(**settings)[0]
        return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def target_of(dataset: CocoPanoptic, index: int) -> Target:
    target = dataset[index].target
    assert target is not None
    return target


def test_sample(folder: Folder) -> None:
    dataset = folder.read()
    sample, target = dataset[0], target_of(dataset, 0)
    assert len(dataset) == 2
    assert (sample.image_id, sample.file, sample.size) == (9, str(folder.images / "b.jpg"), (2, 3))
    assert target.segment_map is not None
    assert target.segment_map.dtype == torch.int16
    assert target.segment_map.tolist() == [[1, 1, 0], [-1, 2, 2]]
    assert target.labels.dtype == torch.int64
    assert target.labels.tolist() == [1, 0, 1]
    assert target.valid is not None
    assert target.valid.tolist() == [[True, True, True], [False, True, True]]
    assert target.is_crowd is not None
    assert target.is_crowd.tolist() == [True, False, False]
    assert target.areas is not None
    assert target.areas.tolist() == [11.5, 2, 2]


def test_classes(folder: Folder) -> None:
    classes = folder.read().classes
    assert (classes.names, classes.ids, classes.things) == (("sky", "car"), (40, 3), (False, True))
    assert classes.colors == ((1, 2, 3), (4, 5, 6))
    del folder.data["categories"][0]["color"]
    assert folder.read().classes.colors[1] == (4, 5, 6)
    assert len(set(folder.read().classes.colors)) == 2


def test_semantic_merges_the_segments_of_a_class(folder: Folder) -> None:
    target = target_of(folder.read(semantic=True), 0)
    assert target.segment_map is not None
    assert target.segment_map.dtype == torch.int16
    assert target.segment_map.tolist() == [[0, 0, 1], [-1, 1, 1]]
    assert target.labels.tolist() == [0, 1]
    assert target.is_crowd is None
    assert target.areas is not None
    assert target.areas.tolist() == [2, 13.5]
    assert target.valid is not None
    assert target.valid.tolist() == [[True, True, True], [False, True, True]]


def test_annotations_are_counted_without_reading_images(folder: Folder) -> None:
    dataset, merged = folder.read(), folder.read(semantic=True)
    assert dataset.annotation_counts(2) == AnnotationCounts(segments=[1, 1], crowds=1, most_segments=2)
    assert merged.annotation_counts(2) == AnnotationCounts(segments=[1, 1], crowds=0, most_segments=2)
    assert [len(one.annotation_counts(2).crowd_classes) for one in (dataset, merged)] == [1, 0]
    folder.segments.append(segment(9, 3))
    assert folder.read().annotation_counts(2) == AnnotationCounts(segments=[1, 2], crowds=1, most_segments=3)
    assert folder.read(semantic=True).annotation_counts(2) == merged.annotation_counts(2)
    # Only the first images: here the one without an annotation.
    folder.data["images"].reverse()
    assert folder.read().annotation_counts(1) == AnnotationCounts(segments=[0, 0], crowds=0, most_segments=0)


@pytest.mark.parametrize("semantic", [False, True])
def test_image_without_annotation_is_void(folder: Folder, semantic: bool) -> None:
    dataset = folder.read(semantic=semantic)
    target = target_of(dataset, 1)
    assert dataset[1].image_id == "x"
    assert len(target) == 0
    assert target.masks.shape == (0, 2, 3)
    assert target.valid is not None
    assert not target.valid.any()
    assert len(prepare_for_training(target)) == 0


def test_annotations_in_another_order_than_images(folder: Folder) -> None:
    write_png(folder.masks / "a.png", [[TREE] * 3] * 2)
    folder.data["annotations"].insert(
        0, {"image_id": "x", "file_name": "a.png", "segments_info": [segment(TREE, 40, 6)]}
    )
    dataset = folder.read()
    assert [dataset[index].image_id for index in range(2)] == [9, "x"]
    assert len(target_of(dataset, 0)) == 3
    target = target_of(dataset, 1)
    assert target.labels.tolist() == [0]
    assert bool(target.masks.all())
    assert target.valid is None


def test_index_from_the_end_and_beyond(folder: Folder) -> None:
    dataset = folder.read()
    assert torch.equal(target_of(dataset, -2).masks, target_of(dataset, 0).masks)
    assert [sample.image_id for sample in dataset] == [9, "x"]
    with pytest.raises(IndexError):
        dataset[2]


def test_changing_a_target_does_not_change_the_dataset(folder: Folder) -> None:
    dataset = folder.read()
    target = target_of(dataset, 0)
    assert target.areas is not None
    target.labels.fill_(0)
    target.areas.fill_(0)
    again = target_of(dataset, 0)
    assert again.areas is not None
    assert (again.labels.tolist(), again.areas.tolist()) == ([1, 0, 1], [11.5, 2, 2])


def test_more_segments_than_int16_holds(folder: Folder) -> None:
    ids = np.arange(1, 200 * 200 + 1)
    Image.new("RGB", (200, 200)).save(folder.images / "b.jpg")
    write_png(folder.masks / "b.png", ids.reshape(200, 200).tolist())
    folder.segments[:] = [segment(int(id), 3) for id in ids]
    target = target_of(folder.read(), 0)
    assert target.segment_map is not None
    assert target.segment_map.dtype == torch.int32
    assert torch.equal(target.segment_map.flatten(), torch.arange(200 * 200, dtype=torch.int32))


def test_ids_that_png_and_json_do_not_share(folder: Folder) -> None:
    png, advice = folder.masks / "b.png", "Take both from one release, or correct the one that is wrong."
    del folder.segments[0]
    assert folder.error() == f"{png}: it holds the segment ids 300, which {folder.json} does not list. {advice}"
    folder.segments.append(segment(SKY + 1, 3))
    assert folder.error() == (
        f"{png}: it holds the segment ids 300, which {folder.json} does not list, and it lacks the segment ids 200001, "
        f"which {folder.json} lists. {advice}"
    )
    folder.segments[2] = segment(CAR, 3)
    folder.segments.extend(segment(id, 3) for id in range(1000, 1011))
    listed = ", ".join(map(str, range(1000, 1010)))
    assert folder.error() == f"{png}: it lacks the segment ids {listed}, …, which {folder.json} lists. {advice}"


def test_png_of_another_size(folder: Folder) -> None:
    write_png(folder.masks / "b.png", [[SKY]])
    assert folder.error() == (
        f"{folder.masks / 'b.png'}: the panoptic map is 1x1, but its image {folder.images / 'b.jpg'} is 3x2 "
        f"(upright). Give both one size."
    )


def test_unknown_category(folder: Folder) -> None:
    folder.segments[0]["category_id"] = 99
    assert folder.error() == (
        f"{folder.json}: annotations[0].segments_info[0] (id 300): 'category_id' is 99, but 'categories' does not list "
        f"this id. Add it there, or correct it here."
    )


@pytest.mark.parametrize("id", [0, 2**24, -1])
def test_segment_id_outside_the_png(folder: Folder, id: int) -> None:
    folder.segments[0]["id"] = id
    assert folder.error() == (
        f"{folder.json}: annotations[0].segments_info[0] (id {id}): 'id' is {id}, but must be a number from 1 to "
        f"16777215: a PNG holds it as R + 256 G + 65536 B, and 0 is void. Correct it."
    )


def test_segment_id_twice(folder: Folder) -> None:
    folder.segments[1]["id"] = str(CAR)
    assert folder.error() == (
        f'{folder.json}: annotations[0].segments_info[1] (id "300"): segments_info[0] has the same id. Give each '
        f"segment its own id."
    )


def test_two_annotations_of_an_image(folder: Folder) -> None:
    folder.data["annotations"].append({"image_id": 9, "file_name": "b.png", "segments_info": []})
    assert folder.error() == f"{folder.json}: annotations[1]: image 9 has another annotation, 'b.png'. Keep one."


def test_annotation_of_an_unknown_image(folder: Folder) -> None:
    folder.data["annotations"][0]["image_id"] = 10
    assert folder.error() == (
        f"{folder.json}: annotations[0]: 'image_id' is 10, but 'images' does not list this id. Add the image or remove "
        f"the annotation."
    )


def test_image_id_twice(folder: Folder) -> None:
    folder.data["images"][1]["id"] = 9
    assert folder.error() == (
        f"{folder.json}: images[1] (id 9): images[0] has the same id. Give each image its own id."
    )


def test_category_id_twice(folder: Folder) -> None:
    folder.data["categories"][1]["id"] = 40
    assert folder.error() == (f"{folder.json}: categories: several classes have the id 40. Give each class its own id.")


@pytest.mark.parametrize("color", ["red?", [300, 0, 0], [-1, 0, 0], float("inf"), [1, 2]])
def test_color_that_is_none(folder: Folder, color: Any) -> None:
    folder.data["categories"][1]["color"] = color
    with pytest.warns(UserWarning, match="'color' of") as warned:
        colors = folder.read().classes.colors
    assert colors[0] == (1, 2, 3)
    assert len(set(colors)) == 2
    (text,) = [str(one.message) for one in warned]
    assert text.startswith(f"{folder.json}: categories[1] (id 3): 'color' of \"car\" is ")
    assert text.endswith(
        ", which is not [red, green, blue] with whole numbers from 0 to 255 or fractions from 0 to 1, or text such as "
        '"#037fc6". It is replaced by another color.'
    )


def test_colors_of_other_forms(folder: Folder) -> None:
    folder.data["categories"][0]["color"] = "#037fc6"
    folder.data["categories"][1]["color"] = None
    colors = folder.read().classes.colors
    assert colors[0] == (3, 127, 198)
    assert colors[1] != colors[0]


def test_numbers_as_text_and_whole_numbers_as_floats(folder: Folder) -> None:
    folder.data["images"][0]["id"] = "9"
    for entry, crowd in zip(folder.segments, ["1", "0", None], strict=True):
        entry |= {"id": float(entry["id"]), "category_id": str(entry["category_id"]), "area": "2", "iscrowd": crowd}
    folder.data["categories"][0]["isthing"] = "0"
    folder.data["categories"][1]["isthing"] = True
    dataset = folder.read()
    target = target_of(dataset, 0)
    assert dataset.classes.things == (False, True)
    assert target.labels.tolist() == [1, 0, 1]
    assert target.is_crowd is not None
    assert target.is_crowd.tolist() == [True, False, False]
    assert dataset.segments.is_crowd.sum() == 1


@pytest.mark.parametrize("semantic", [False, True])
def test_the_area_follows_from_the_mask_where_it_is_missing(folder: Folder, semantic: bool) -> None:
    for entry in folder.segments:
        del entry["area"]
    target = target_of(folder.read(semantic=semantic), 0)
    assert target.areas is not None
    assert target.areas.tolist() == pixel_counts(target).tolist() == ([2, 3] if semantic else [1, 2, 2])


def test_areas_that_disagree_with_the_png(folder: Folder) -> None:
    for name in ("b", "a"):
        Image.new("RGB", (30, 20)).save(folder.images / f"{name}.jpg")
        write_png(folder.masks / f"{name}.png", [[CAR] * 30] * 20)
    segments = [segment(CAR, 3, 60)]
    folder.segments[:] = segments
    folder.data["annotations"].append({"image_id": "x", "file_name": "a.png", "segments_info": segments})
    dataset = folder.read()
    assert len(target_of(dataset, 0)) == 1  # a factor of 10 is possible
    segments[0]["area"] = 59
    dataset = folder.read()
    with pytest.warns(UserWarning, match="'area' of segment") as caught:
        assert [len(target_of(dataset, index)) for index in (0, 1)] == [1, 1]
    assert [str(one.message) for one in caught] == [
        f"{folder.json}: 'area' of segment 300 is 59, but the segment has 600 pixels in {folder.masks / 'b.png'}. Take "
        f"both from one release, or leave out 'area' to count the pixels. Other segments are not compared."
    ]


@pytest.mark.parametrize(
    ("path", "key", "place"),
    [
        (("images", 1), "file_name", 'images[1] (id "x")'),
        (("annotations", 0), "segments_info", "annotations[0]"),
        (("annotations", 0), "file_name", "annotations[0]"),
        (("categories", 0), "isthing", "categories[0] (id 40)"),
        (("annotations", 0, "segments_info", 2), "category_id", "annotations[0].segments_info[2] (id 8)"),
        (("annotations", 0, "segments_info", 2), "id", "annotations[0].segments_info[2]"),
    ],
)
def test_missing_key(folder: Folder, path: tuple[str | int, ...], key: str, place: str) -> None:
    entry: Any = folder.data
    for step in path:
        entry = entry[step]
    del entry[key]
    assert folder.error() == f"{folder.json}: {place}: there is no '{key}'. Add it."


def test_all_problems_are_listed(folder: Folder) -> None:
    folder.data["images"][1] = 3
    folder.data["categories"][0]["isthing"] = "no"
    folder.segments[0]["id"] = "?"
    folder.segments[1]["iscrowd"] = 2
    folder.segments[2] = None  # type: ignore[call-overload]
    folder.data["annotations"][0]["file_name"] = "c.png"
    assert folder.error().splitlines() == [
        f"{folder.json}: categories[0] (id 40): 'isthing' is \"no\", but must be 0 or 1. Correct it.",
        f"{folder.json}: images[1] is 3, but must be a mapping. Correct or remove it.",
        f'{folder.json}: annotations[0].segments_info[0] (id "?"): \'id\' is "?", but must be a whole number. '
        "Correct it.",
        f"{folder.json}: annotations[0].segments_info[1] (id 200000): 'iscrowd' is 2, but must be 0 or 1. Correct it "
        "or leave it out.",
        f"{folder.json}: annotations[0].segments_info[2] is null, but must be a mapping. Correct or remove it.",
        f"{folder.json}: annotations[0]: 'file_name': there is no file {folder.masks / 'c.png'}. Did you mean 'b.png'? "
        f"Restore it or correct the name.",
    ]


@pytest.mark.parametrize("name", ["images", "categories"])
def test_empty_list(folder: Folder, name: str) -> None:
    folder.data[name] = []
    folder.data["annotations"] = []
    assert folder.error() == (
        f"{folder.json}: the list '{name}' is empty. Point 'annotations' at a file that has {name}."
    )


def test_file_of_another_form(folder: Folder) -> None:
    del folder.data["images"]
    folder.data["categories"] = {}
    form = (
        "A COCO file is a mapping with the lists 'images', 'annotations' and 'categories'. Point 'annotations' at such"
    )
    assert folder.error() == f"{folder.json}: there is no list 'images' or 'categories'. {form} a file."


def test_broken_json(folder: Folder, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    assert folder.error(annotations=str(broken)) == (
        f"{broken}: cannot read JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char "
        f"1)). Restore the file or correct the path."
    )
    assert folder.error(annotations=str(tmp_path)) == (
        f"{tmp_path}: cannot read JSON (Is a directory). Restore the file or correct the path."
    )


@pytest.mark.parametrize("setting", ["images", "annotations", "masks"])
def test_missing_path(folder: Folder, tmp_path: Path, setting: str) -> None:
    gone = tmp_path / "gone"
    assert folder.error(**{setting: str(gone)}) == f"{gone}: there is no such file or folder. Correct the path."


@pytest.mark.parametrize("setting", ["images", "masks"])
def test_file_in_place_of_a_folder(folder: Folder, setting: str) -> None:
    folder.read()
    assert (
        folder.error(**{setting: str(folder.json)})
        == f"{folder.json}: this is a file, but a folder is needed. Correct the path."
    )


@pytest.mark.parametrize(
    ("name", "place", "near"),
    [
        ("images/b.jpg", "images[0] (id 9)", ""),  # a.jpg is the file of another entry
        ("masks/b.png", "annotations[0]", ""),
    ],
)
def test_missing_file(folder: Folder, tmp_path: Path, name: str, place: str, near: str) -> None:
    (tmp_path / name).unlink()
    assert folder.error() == (
        f"{folder.json}: {place}: 'file_name': there is no file {tmp_path / name}.{near} Restore it or correct the "
        f"name."
    )


def real(shared_data: Path, split: str, **settings: Any) -> CocoPanoptic:
    root = shared_data / "coco_panoptic_sample"
    return CocoPanoptic(
        images=str(root / "images" / split),
        annotations=str(root / "annotations" / f"panoptic_{split}.json"),
        masks=str(root / "annotations" / f"panoptic_{split}"),
        **settings,
    )


@pytest.mark.parametrize(("split", "crowds"), [("train2017", 6), ("val2017", 5)])
def test_real_sample(shared_data: Path, split: str, crowds: int) -> None:
    dataset = real(shared_data, split)
    assert len(dataset) == 100
    assert (len(dataset.classes), sum(dataset.classes.things)) == (133, 80)
    things = torch.tensor(dataset.classes.things)
    found, without_things = 0, []
    for index in range(len(dataset)):
        sample, target = dataset[index], target_of(dataset, index)
        assert sample.image.shape[0] == 3
        assert sample.size == target.size
        assert target.is_crowd is not None
        assert target.areas is not None
        assert pixel_counts(target).tolist() == target.areas.tolist()
        found += int(target.is_crowd.sum())
        if not things[target.labels].any():
            without_things.append(sample.image_id)
    assert found == crowds
    if split == "train2017":
        assert sorted(map(int, without_things)) == [250, 508]


def test_real_gray_image(shared_data: Path) -> None:
    dataset = real(shared_data, "train2017")
    index = next(index for index in range(100) if dataset[index].image_id == 86)
    image = dataset[index].image
    assert torch.equal(image[0], image[1])
    assert torch.equal(image[0], image[2])


def test_real_semantic(shared_data: Path) -> None:
    panoptic, semantic = real(shared_data, "val2017"), real(shared_data, "val2017", semantic=True)
    for index in range(10):
        separate, merged = target_of(panoptic, index), target_of(semantic, index)
        assert torch.equal(label_map_of(separate, 255), label_map_of(merged, 255))
        assert merged.labels.tolist() == sorted(set(separate.labels.tolist()))


def test_files_that_are_not_listed(folder: Folder) -> None:
    for file in (folder.images / "c.jpg", folder.masks / "c.png"):
        file.touch()
    with pytest.warns(UserWarning, match="not read") as caught:
        folder.read()
    assert [str(one.message) for one in caught] == [
        f"{folder.images}: not read: 1 image that {folder.json} does not list: c.jpg.",
        f"{folder.masks}: not read: 1 image that {folder.json} does not list: c.png.",
    ]
