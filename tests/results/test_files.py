import json

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask

from segkit.classes import Classes
from segkit.errors import ConfigError, DataError, WriteError
from segkit.results import files
from segkit.results.files import ResultWriter, refuse_useless_format, save_label_map
from segkit.types import InstanceResult, PanopticResult, PanopticSegment, SemanticResult

CLASSES = Classes.make(
    ["sky", "car", "person"],
    things=[False, True, True],
    colors=[(0, 0, 255), (255, 0, 0), (0, 255, 0)],
    ids=[7, 90, 200],
)
LABEL_MAP = torch.tensor([[0, 0, 1], [2, 1, 1]])


def test_a_label_png_holds_the_classes_own_ids_in_their_colors(tmp_path):
    with ResultWriter(tmp_path, CLASSES) as writer:
        writer.write(SemanticResult(LABEL_MAP), "in/street.jpg", 1)

    image = Image.open(tmp_path / "semantic" / "street.png")
    assert image.mode == "P"
    assert np.asarray(image).tolist() == [[7, 7, 90], [200, 90, 90]]
    assert np.asarray(image.convert("RGB"))[1, 0].tolist() == [0, 255, 0]
    assert list(tmp_path.iterdir()) == [tmp_path / "semantic"]


def test_label_maps_for_ade20k_count_the_classes_from_one(tmp_path):
    with ResultWriter(tmp_path, CLASSES, result_format="ade20k") as writer:
        writer.write(SemanticResult(LABEL_MAP), "in/ADE_val_00000001.jpg", 1)

    image = Image.open(tmp_path / "semantic" / "ADE_val_00000001.png")
    assert np.asarray(image).tolist() == [[1, 1, 2], [3, 2, 2]]


def test_large_ids_take_16_bits(tmp_path):
    classes = Classes.make(["sky", "car", "person"], ids=[1, 256, 65535])

    save_label_map(SemanticResult(LABEL_MAP), classes, tmp_path / "label.png")

    assert np.asarray(Image.open(tmp_path / "label.png")).tolist() == [[1, 1, 256], [65535, 256, 256]]


@pytest.mark.parametrize("stored", [65536, -1])
def test_ids_that_no_png_holds(tmp_path, stored):
    classes = Classes.make(["a", "b", "c"], ids=[1, stored, 70])
    with pytest.raises(DataError) as error:
        save_label_map(SemanticResult(LABEL_MAP), classes, tmp_path / "l.png")

    assert str(error.value) == (
        f"{tmp_path}/l.png: the class id {stored} does not fit into a PNG of 16 bits. Give the classes ids of 0..65535."
    )


def test_instances_are_coco_results(tmp_path):
    masks = torch.zeros(2, 4, 5, dtype=torch.bool)
    masks[0, 1:3, 2:] = True
    masks[1, 0, 0] = True
    with ResultWriter(tmp_path, CLASSES) as writer:
        writer.write(InstanceResult(torch.tensor([1, 2]), torch.tensor([0.75, 0.5]), masks), "in/a.jpg", 12)
        writer.write(InstanceResult(torch.zeros(0).long(), torch.zeros(0), masks[:0]), "in/b.jpg", 13)
        writer.write(InstanceResult(torch.tensor([2]), torch.tensor([0.25]), masks[1:]), "in/c.jpg", 14)

    entries = json.loads((tmp_path / "instances.json").read_text())
    assert [(entry["image_id"], entry["category_id"], entry["score"]) for entry in entries] == [
        (12, 90, 0.75),
        (12, 200, 0.5),
        (14, 200, 0.25),
    ]
    assert set(entries[0]) == {"image_id", "category_id", "segmentation", "score", "file_name"}
    assert entries[0]["file_name"] == "in/a.jpg"
    assert isinstance(entries[0]["segmentation"]["counts"], str)
    assert np.array_equal(coco_mask.decode(entries[0]["segmentation"]).astype(bool), masks[0].numpy())


def test_panoptic_files_are_cocos(tmp_path):
    segment_map = torch.tensor([[0, 1, 1], [300, 300, 1]], dtype=torch.int32)
    segments = [PanopticSegment(1, 0, False, 0.5), PanopticSegment(300, 2, True, 0.75)]
    with ResultWriter(tmp_path, CLASSES) as writer:
        writer.write(PanopticResult(segment_map, segments), "in/street.jpg", 5)
        writer.write(PanopticResult(torch.zeros(2, 3, dtype=torch.int32), []), "in/empty.jpg", 6)

    channels = np.asarray(Image.open(tmp_path / "panoptic" / "street.png")).astype(int)
    assert (channels @ [1, 256, 65536]).tolist() == segment_map.tolist()
    content = json.loads((tmp_path / "panoptic.json").read_text())
    assert content["categories"][2] == {"id": 200, "name": "person", "isthing": 1, "color": [0, 255, 0]}
    assert content["annotations"] == [
        {
            "image_id": 5,
            "file_name": "street.png",
            "segments_info": [
                {"id": 1, "category_id": 7, "isthing": 0, "area": 3, "bbox": [1, 0, 2, 2], "score": 0.5},
                {"id": 300, "category_id": 200, "isthing": 1, "area": 2, "bbox": [0, 1, 2, 1], "score": 0.75},
            ],
            "picture": "in/street.jpg",
        },
        {"image_id": 6, "file_name": "empty.png", "segments_info": [], "picture": "in/empty.jpg"},
    ]


def test_what_was_written_before_an_error_is_whole(tmp_path):
    masks = torch.ones(1, 4, 5, dtype=torch.bool)

    def interrupted():
        with ResultWriter(tmp_path, CLASSES) as writer:
            writer.write(InstanceResult(torch.tensor([1]), torch.tensor([0.75]), masks), "a.jpg", 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert len(json.loads((tmp_path / "instances.json").read_text())) == 1


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "semantic").write_text("a file where the folder should be")

    with pytest.raises(WriteError) as error:
        ResultWriter(tmp_path, CLASSES).write(SemanticResult(LABEL_MAP), "a.jpg", 1)

    assert str(error.value) == (
        f"{tmp_path}/semantic/a.png: cannot be written ({tmp_path}/semantic is a file, not a folder)."
    )


@pytest.mark.parametrize(
    ("result_format", "result_types", "tasks"),
    [
        ("ade20k", [InstanceResult], "instance"),
        ("ade20k", [PanopticResult, InstanceResult], "panoptic and instance"),
        ("cityscapes", [SemanticResult], "semantic"),
    ],
)
def test_a_format_without_effect(result_format, result_types, tasks):
    with pytest.raises(ConfigError) as caught:
        refuse_useless_format(result_format, result_types)
    assert str(caught.value) == (
        f"--result-format: '{result_format}' has no effect on {tasks} results: their files are those of 'coco', which "
        "its tools read. Use 'coco'."
    )


def test_formats_with_an_effect():
    refuse_useless_format("coco", [InstanceResult])
    refuse_useless_format("ade20k", [InstanceResult, SemanticResult])
    refuse_useless_format("cityscapes", [SemanticResult, PanopticResult])


@pytest.mark.parametrize("largest", [7, 300])
def test_large_label_maps_are_written_in_parts(largest, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_PIXELS_AT_A_TIME", 20)
    classes = Classes.make(["a", "b", "c"], ids=[0, 5, largest])
    label_map = torch.arange(13 * 9).remainder(3).view(13, 9).to(torch.uint8)
    save_label_map(SemanticResult(label_map), classes, tmp_path / "a.png")
    written = np.array(Image.open(tmp_path / "a.png"))
    assert np.array_equal(written, np.array([0, 5, largest])[label_map.numpy()])
