"""A training needs a dataset; the transforms of an evaluation do not."""

import pytest

from segkit.config import load_config
from segkit.errors import ConfigError

MODEL = {"type": "per_pixel", "backbone": {"type": "plain"}}
TRANSFORMS = [{"type": "flip"}]


def test_transforms_of_an_evaluation_may_stand_alone():
    config = load_config({"model": MODEL, "data": {"val": {"transforms": TRANSFORMS}}})
    assert config.experiment.data.val.dataset is None
    assert config.experiment.data.val.transforms == TRANSFORMS


def test_those_of_a_training_may_not():
    with pytest.raises(ConfigError) as caught:
        load_config({"model": MODEL, "data": {"train": {"transforms": TRANSFORMS}}})
    assert str(caught.value) == "<dict>: data.train: data.train needs 'dataset', a dataset. Add it."
