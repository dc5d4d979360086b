"""Which type of dataset reads a folder; test_formats.py asks this of the folders of all formats."""

import json

import pytest

from segkit.datasets._layouts import LAYOUTS

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
