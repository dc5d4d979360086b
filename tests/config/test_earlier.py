"""Configs of runs and checkpoints of earlier versions keep the defaults of that time."""

import pytest

from segkit.config import load_config

IMAGENET = {"pixel_mean": [123.675, 116.28, 103.53], "pixel_std": [58.395, 57.12, 57.375]}
MODEL = "type: {type}\n  backbone: {{type: timm, name: tf_efficientnet_lite0}}\n  pixel_decoder: {{type: fpn}}\n"


@pytest.fixture
def _fake_parts(tmp_path, monkeypatch):
    """The real parts, unlike in the other tests of this folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "environment.json").touch()  # the mark of a run
    (folder / "config.yaml").write_text("model:\n  " + MODEL.format(type="per_pixel"))
    return folder


def pixels(config):
    return {name: config["model"][name] for name in IMAGENET if name in config["model"]}


@pytest.mark.parametrize("source", ["run", "run/config.yaml"])
def test_pixel_values_are_those_of_imagenet(run, source):
    assert pixels(load_config(source)) == IMAGENET


def test_a_config_that_extends_it_has_them_too(run, tmp_path):
    (tmp_path / "x.yaml").write_text("extends: run/config.yaml\nmodel: {pixel_std: [1, 1, 1]}")
    assert pixels(load_config("x.yaml")) == {**IMAGENET, "pixel_std": [1.0, 1.0, 1.0]}


def test_other_configs_have_none(tmp_path):
    (tmp_path / "x.yaml").write_text("model:\n  " + MODEL.format(type="per_pixel"))
    assert pixels(load_config("x.yaml")) == {}


def test_models_of_other_names_are_left(run):
    (run / "config.yaml").write_text("model: {type: no_such_model}")
    with pytest.raises(Exception, match="there is no model 'no_such_model'") as caught:
        load_config("run")
    assert str(caught.value).endswith(
        ". The package that provided it is not installed: `plugins` in the run's environment.json names it"
    )
    assert len(str(caught.value).splitlines()) == 1
