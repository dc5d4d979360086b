"""What a prediction uses of a config."""

import pytest

from segkit.config import load_config, load_for_prediction
from segkit.errors import ConfigError


@pytest.fixture
def folder(tmp_path, right_config):
    (tmp_path / "own.yaml").write_text(right_config)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").write_text(load_config("own.yaml", ["postprocessors=[{type: semantic}]"]).to_yaml())
    return tmp_path / "run"


def test_a_prediction_keeps_model_and_postprocessors(folder):
    config = load_for_prediction(folder)
    assert {key: value for key, value in config.data.items() if value} == {
        "model": load_config(folder)["model"],
        "postprocessors": [{"type": "semantic"}],
    }


def test_what_a_prediction_uses_is_checked(folder):
    file = folder / "config.yaml"
    file.write_text(file.read_text().replace("type: semantic", "type: semantik"))
    with pytest.raises(ConfigError, match=r"postprocessors.0.type: there is no postprocessor 'semantik'"):
        load_for_prediction(folder)
