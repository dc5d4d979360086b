"""Files for Cityscapes' tools, read as its evaluation reads them."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from segkit.classes import Classes
from segkit.results.cityscapes import cityscapes_id
from segkit.results.files import ResultWriter
from segkit.types import InstanceResult, PanopticResult, PanopticSegment, SemanticResult

CLASSES = Classes.make(["road", "person", "car"], things=[False, True, True], ids=[7, 24, 26])
FILE = "leftImg8bit/val/frankfurt/frankfurt_000001_005898_leftImg8bit.png"


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("frankfurt_000001_005898_leftImg8bit", "frankfurt_000001_005898"),
        ("ulm_000001_000019", "ulm_000001_000019"),
        ("street", "street"),
        ("ulm_000001_0000195", "ulm_000001_0000195"),
    ],
)
def test_frames(name, frame):
    assert cityscapes_id(f"leftImg8bit/val/{name}.png") == frame


def read_instances(folder, frame):
    """(class id, score, mask) of each instance, by the rules of Cityscapes' evaluation script."""
    (file,) = [path for path in folder.rglob("*.txt") if path.name.startswith(frame)]
    found = []
    for line in file.read_text().splitlines():
        path, label, score = line.split(" ")
        found.append((int(float(label)), float(score), np.asarray(Image.open(file.parent / path).convert("L")) != 0))
    return found


def test_instances(tmp_path):
    masks = torch.zeros(2, 4, 5, dtype=torch.bool)
    masks[0, 1:3, 2:] = masks[1, 0, 0] = True
    none = InstanceResult(torch.zeros(0).long(), torch.zeros(0), masks[:0])
    with ResultWriter(tmp_path, CLASSES, result_format="cityscapes") as writer:
        writer.write(InstanceResult(torch.tensor([2, 1]), torch.tensor([0.75, 0.5]), masks), FILE, 1)
        writer.write(none, FILE.replace("005898", "007973"), 2)

    found = read_instances(tmp_path, "frankfurt_000001_005898")
    assert [(label, score) for label, score, _ in found] == [(26, 0.75), (24, 0.5)]
    assert np.array_equal(np.stack([mask for _, _, mask in found]), masks.numpy())
    assert read_instances(tmp_path, "frankfurt_000001_007973") == []


def test_label_maps_hold_label_ids(tmp_path):
    with ResultWriter(tmp_path, CLASSES, result_format="cityscapes") as writer:
        writer.write(SemanticResult(torch.tensor([[0, 2], [1, 1]])), FILE, 1)

    (file,) = tmp_path.rglob("frankfurt_000001_005898*.png")
    assert np.asarray(Image.open(file)).tolist() == [[7, 26], [24, 24]]


def test_panoptic_images_are_named_by_frame(tmp_path):
    with ResultWriter(tmp_path, CLASSES, result_format="cityscapes") as writer:
        segments = [PanopticSegment(1, 2, True, 0.5)]
        writer.write(PanopticResult(torch.ones(2, 3, dtype=torch.int32), segments), FILE, 17)

    (annotation,) = json.loads((tmp_path / "panoptic.json").read_text())["annotations"]
    assert annotation["image_id"] == "frankfurt_000001_005898"
    assert annotation["segments_info"][0]["category_id"] == 26
    assert (tmp_path / "panoptic" / annotation["file_name"]).is_file()
