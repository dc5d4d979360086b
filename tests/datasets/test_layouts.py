"""Which type of dataset reads a folder; test_formats.py asks this of the folders of all formats."""

import json

import pytest

from segkit.datasets import _json_layouts
from segkit.datasets._layouts import LAYOUTS, propose
from segkit.datasets._proposal import Wishes
from tests.helpers.dataset_folders import FORMATS

COCO = {"images": [], "annotations": [], "categories": []}


@pytest.mark.parametrize(
    ("files", "types"),
    [
        ({"a.json": {**COCO, "annotations": [{"segments_info": []}]}}, ["coco_panoptic"]),
        ({"annotations/a.json": COCO}, ["coco_instance"]),
        ({"a.json": [1], "b.json": {"images": []}, "c.json": None}, []),
        ({"a/b/c.json": COCO}, []),
        ({"data.yml": {"names": ["cat"], "val": "images"}}, ["yolo"]),
        ({"model.yaml": {"model": {"type": "mask_former"}}}, []),
        ({}, []),
    ],
)
def test_a_folder_is_recognized_by_its_files(tmp_path, files, types):
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "broken.yaml").write_text("{")
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(content))
    assert [type for type, layout in LAYOUTS.items() if layout.looks_like(tmp_path)] == types


@pytest.mark.parametrize(
    ("taken", "where", "other", "below", "named"),
    [
        ("labelme", "a", "cvat_coco", "b", "b has the marks of coco_instance"),
        ("yolo", "", "cvat_coco", "exports/coco", "exports/coco has the marks of coco_instance"),
        ("cvat_coco", "", "voc", "", "VOC2012 has the marks of voc"),
    ],
)
def test_another_format_is_told(tmp_path, taken, where, other, below, named):
    types = []
    for name, place in ((taken, where), (other, below)):
        types.append(FORMATS[name].write(tmp_path / place)["train"]["type"])
    proposal = propose(tmp_path, None, Wishes())
    assert proposal.train["type"] == types[0]
    assert proposal.notes[-1] == (
        f"{types[0]} was taken. {named}, too: with --type {types[1]}, these annotations are read instead."
    )
    chosen = propose(tmp_path, types[1], Wishes())
    assert chosen.train["type"] == types[1]
    assert not any("was taken" in note for note in chosen.notes)


@pytest.mark.parametrize("name", ["labelme", "yolo", "roboflow_coco", "cvat_coco", "lvis", "voc", "cvat_voc"])
def test_a_format_alone_is_not_told_twice(tmp_path, name):
    FORMATS[name].write(tmp_path)
    assert not any("was taken" in note for note in propose(tmp_path, None, Wishes()).notes)


def test_a_json_file_is_read_once_to_recognize_it(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_text("[]")
    read = []
    monkeypatch.setattr(_json_layouts, "read_json", lambda file: read.append(file) or [])
    assert not any(layout.looks_like(tmp_path) for layout in LAYOUTS.values())
    assert read == [tmp_path / "a.json"]
