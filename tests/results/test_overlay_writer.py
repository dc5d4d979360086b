"""Overlays of the first images of an evaluation."""

import torch

from segkit.build import build_model, dataset_classes
from segkit.config import load_config
from segkit.evaluation.validation import Validation
from segkit.results.overlay_writer import OverlayWriter
from tests.helpers.tiny import write_tiny


def drawn(folder, count):
    """The names of the files that `OverlayWriter` writes for three images."""
    torch.manual_seed(0)
    config = load_config(write_tiny(folder))
    validation = Validation(config, dataset_classes(config), 16)
    validation.run(build_model(config), "cpu", on_result=OverlayWriter(folder / "drawn", validation.classes, count))
    return sorted(path.name for path in folder.glob("drawn/*"))


def test_overlays_of_the_first_images(tmp_path):
    assert drawn(tmp_path, 2) == [
        f"shapes_1_0000{index}_{task}.png" for index in range(2) for task in ("panoptic", "semantic")
    ]


def test_no_overlays_make_no_folder(tmp_path):
    assert drawn(tmp_path, 0) == []
    assert not (tmp_path / "drawn").exists()
