"""What a prediction uses of a config."""

import pytest

from segkit.config import load_config, load_for_prediction
from segkit.errors import ConfigError
from tests.helpers.tiny import tiny_yaml


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.yaml").write_text(load_config(_file(tmp_path, tiny_yaml())).to_yaml())
    return tmp_path


def _file(folder, text):
    (folder / "own.yaml").write_text(text)
    return folder / "own.yaml"


def test_a_prediction_keeps_model_postprocessors_and_transforms(folder):
    config = load_for_prediction(folder)
    whole = load_config(folder)
    assert config.data == {
        "model": whole["model"],
        "postprocessors": whole["postprocessors"],
        "data": {"val": {"workers": 0}},
    }


def test_what_a_prediction_uses_is_checked(folder):
    file = folder / "config.yaml"
    file.write_text(file.read_text().replace("type: panoptic\n", "type: panoptik\n"))
    with pytest.raises(ConfigError, match=r"postprocessors.1.type: there is no postprocessor 'panoptik'"):
        load_for_prediction(folder)
