"""The losses of transformers' models at points come there and back, also where some of them have no weight."""

from itertools import product
from pathlib import Path

import pytest

from segkit.build import build_criterion
from segkit.classes import Classes
from segkit.config import load_config
from segkit.interop.huggingface.fields import Fields
from segkit.interop.huggingface.point_criterion import point_criterion_json, read_point_criterion

MODEL = {
    "type": "mask_former",
    "backbone": {"type": "timm", "name": "resnet18"},
    "pixel_decoder": {"type": "fpn"},
    "transformer_decoder": {"type": "standard"},
}
KEYS = ("class_weight", "mask_weight", "dice_weight")


@pytest.mark.parametrize("weights", list(product((0.0, 2.0), (0.0, 5.0), (0.0, 4.0)))[1:])
def test_there_and_back(weights):
    given = dict(zip(KEYS, weights, strict=True)) | {"no_object_weight": 0.3}
    if any(weights[1:]):
        given |= {"train_num_points": 64, "oversample_ratio": 2.0, "importance_sample_ratio": 0.5}
    criterion = read_point_criterion(Fields(given, Path("config.json")))
    config = load_config({"model": MODEL, "criterion": criterion})
    build_criterion(config, Classes.make(["sky", "sea"]))
    settings, notes = point_criterion_json(config)
    assert {key: settings[key] for key in given} == given
    assert notes == []
