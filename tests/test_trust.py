"""The folder of a run or checkpoint runs no Python that the user has not allowed."""

import shutil
import sys

import pytest
from PIL import Image

import segkit
from segkit.build import dataset_classes
from segkit.checkpoint import load_checkpoint, save_checkpoint
from segkit.cli.main import main
from segkit.config import load_config
from segkit.config.load import load_for_prediction
from segkit.config.source import dump
from segkit.errors import ConfigError
from segkit.registries import PIXEL_DECODERS
from segkit.runtime.integrity import write_manifest
from tests.helpers.tiny import tiny_yaml


@pytest.fixture(scope="module")
def model_and_config(tmp_path_factory):
    file = tmp_path_factory.mktemp("config") / "tiny.yaml"
    file.write_text(tiny_yaml("per_pixel"))
    config = load_config(file)
    return segkit.build_model(config), config


@pytest.fixture
def theirs(tmp_path, monkeypatch, model_and_config):
    """A checkpoint whose config names a plugin that writes the file `executed`."""
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    model, config = model_and_config
    folder = tmp_path / "theirs"
    save_checkpoint(folder, model, config, dataset_classes(config))
    (folder / "evil_plugin.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w')\n")
    (folder / "config.yaml").write_text(f"plugins: [evil_plugin.py]\n{config.to_yaml()}")
    write_manifest(folder)
    yield folder
    for name in set(sys.modules) - before:
        if name.startswith("evil_plugin"):
            del sys.modules[name]


def message(folder, line=1, plugin="evil_plugin.py", config="config.yaml"):
    file = f"{folder}/{plugin}"
    return (
        f"{folder}/{config}:{line}: plugins.0: the folder asks to run the Python file {file}, which can do anything "
        f"with your files. Read it; if you trust it, add --plugin {file}, or --trust for all files (from Python: "
        "trust=True)."
    )


COMMANDS = [
    ["test", "theirs"],
    ["test", "theirs", "--window", "64"],
    ["show", "theirs"],
    ["show", "theirs/config.yaml"],
    ["show", "mine.yaml", "--diff", "theirs"],
    ["check", "theirs"],
    ["analyze", "theirs"],
    ["convert", "theirs", "out", "--to", "huggingface_mask_former"],
    ["convert", "weights.pkl", "out", "--format", "original_mask_former", "--config", "theirs/config.yaml"],
    ["train", "theirs"],
    ["train", "theirs", "--resume", "--output", "theirs"],
    ["sweep", "theirs", "training.seed=[1,2]"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words))
def test_no_command_runs_it(theirs, capsys, words):
    (theirs.parent / "mine.yaml").write_text(tiny_yaml("per_pixel"))
    (theirs.parent / "weights.pkl").touch()
    Image.new("RGB", (64, 64)).save(theirs.parent / "image.png")
    assert main(words) in (1, 2)
    shown = "".join(capsys.readouterr())
    assert "evil_plugin.py, which can do anything with your files. Read it; if you trust it, add --plugin" in shown
    assert not (theirs.parent / "executed").exists()


DOORS = {
    "load_config of the folder": lambda folder, **options: load_config(folder, **options),
    "load_config of the file": lambda folder, **options: load_config(folder / "config.yaml", **options),
    "evaluate": lambda folder, **options: segkit.evaluate(folder, device="cpu", **options),
}


@pytest.mark.parametrize("door", DOORS)
def test_no_function_runs_it_unless_it_is_trusted(theirs, door):
    with pytest.raises(ConfigError) as caught:
        DOORS[door](theirs)
    assert str(caught.value) == message(theirs)
    assert not (theirs.parent / "executed").exists()
    DOORS[door](theirs, trust=True)
    assert (theirs.parent / "executed").exists()


PREDICTING = {
    "load_model": lambda folder, **options: segkit.load_model(folder, **options),
    "load_checkpoint": lambda folder, **options: load_checkpoint(folder, **options),
    "Predictor": lambda folder, **options: segkit.Predictor(folder, **options),
    "predict": lambda folder, **options: main(["predict", str(folder), "image.png", "--output", "out"]),
}


@pytest.mark.parametrize("door", PREDICTING)
def test_a_prediction_needs_no_plugin_of_the_training(theirs, door):
    Image.new("RGB", (64, 64)).save(theirs.parent / "image.png")
    assert PREDICTING[door](theirs) != 1
    (theirs / "evil_plugin.py").unlink()
    shutil.rmtree("out", ignore_errors=True)  # results of the first prediction are not mixed with others
    assert PREDICTING[door](theirs) != 1
    assert not (theirs.parent / "executed").exists()


@pytest.mark.parametrize("door", PREDICTING)
def test_a_prediction_needs_no_part_of_the_training(theirs, door):
    Image.new("RGB", (64, 64)).save(theirs.parent / "image.png")
    config = load_config(theirs, trust=True).data
    absent = {"type": "absent"}
    config["criterion"] = {"losses": [absent], "matcher": absent}
    config["data"]["train"] = {"dataset": absent, "transforms": [absent]}
    config["data"]["val"]["dataset"] = absent
    config["evaluators"] = [absent]
    config["training"] = {"steps": 1, "optimizer": absent, "schedule": absent}
    (theirs / "config.yaml").write_text(dump(config))
    write_manifest(theirs)
    assert PREDICTING[door](theirs) != 1


@pytest.mark.parametrize("door", ["load_model", "load_checkpoint", "Predictor"])
def test_a_plugin_of_the_model_is_run_only_if_it_is_trusted(theirs, door):
    plugin, config = theirs / "evil_plugin.py", theirs / "config.yaml"
    plugin.write_text(
        f"{plugin.read_text()}"
        "from segkit.pixel_decoders.fpn import FPN\n"
        "from segkit.registries import PIXEL_DECODERS\n"
        "@PIXEL_DECODERS.register('their_fpn')\n"
        "class TheirFPN(FPN):\n"
        "    pass\n"
    )
    config.write_text(config.read_text().replace("type: fpn", "type: their_fpn"))
    write_manifest(theirs)
    with PIXEL_DECODERS.isolated():
        with pytest.raises(ConfigError) as caught:
            PREDICTING[door](theirs)
        assert str(caught.value) == message(theirs)
        assert not (theirs.parent / "executed").exists()
        PREDICTING[door](theirs, trust=True)
    assert (theirs.parent / "executed").exists()


def test_the_plugin_can_be_named(theirs):
    assert main(["check", "theirs", "--plugin", "theirs/evil_plugin.py"]) == 0
    assert (theirs.parent / "executed").exists()
    (theirs.parent / "executed").unlink()
    assert main(["check", "theirs", "--trust"]) == 0


def test_a_file_of_one_s_own_replaces_the_plugin_of_its_name(theirs):
    """The path that a run recorded may not exist on another machine."""
    (theirs / "evil_plugin.py").unlink()
    (theirs.parent / "evil_plugin.py").write_text("")
    config = load_config(theirs, plugins=["evil_plugin.py"])
    assert config["plugins"] == [str(theirs.parent / "evil_plugin.py")]


@pytest.mark.parametrize("base", ["base.yaml", "deep/base.yaml", "../elsewhere.yaml"])
def test_extended_files_lead_to_no_plugin(theirs, base):
    config = theirs / "config.yaml"
    (theirs / base).parent.mkdir(exist_ok=True)
    (theirs / base).write_text(f"plugins: [{theirs / 'evil_plugin.py'}]\n")
    config.write_text(f"extends: {base}\n{config.read_text().partition(chr(10))[2]}")
    write_manifest(theirs)
    with pytest.raises(ConfigError, match=r"evil_plugin.py, which can do anything"):
        load_config(theirs)
    (theirs.parent / "mine.yaml").write_text("extends: theirs/config.yaml")
    with pytest.raises(ConfigError, match=r"evil_plugin.py, which can do anything"):
        load_config("mine.yaml")
    assert not (theirs.parent / "executed").exists()
    (theirs.parent / "mine.yaml").write_text("extends: theirs/config.yaml\nplugins: []")
    load_config("mine.yaml")


def test_a_config_below_the_folder_runs_no_plugin(theirs):
    (theirs / "configs/deep").mkdir(parents=True)
    (theirs / "configs/deep/x.yaml").write_text(f"extends: ../../config.yaml\nplugins: [{theirs / 'evil_plugin.py'}]")
    with pytest.raises(ConfigError, match=r"evil_plugin.py, which can do anything"):
        load_config(theirs / "configs/deep/x.yaml")
    assert not (theirs.parent / "executed").exists()


def test_one_s_own_config_works_as_before(theirs):
    (theirs.parent / "mine.yaml").write_text(f"plugins: [theirs/evil_plugin.py]\n{tiny_yaml('per_pixel')}")
    load_config("mine.yaml")
    assert (theirs.parent / "executed").exists()


def test_one_s_own_run_is_resumed_by_its_config(theirs, capsys):
    file = theirs.parent / "own_plugin_of_a_run.py"
    file.write_text("")
    (theirs.parent / "mine.yaml").write_text(f"plugins: [{file.name}]\n{tiny_yaml('per_pixel')}")
    words = ["train", "mine.yaml", "training.steps=1", "--output", "run"]
    assert main(words) == 0
    assert main([*words, "--resume"]) == 0
    assert main(["train", "run", "--output", "run", "--resume"]) == 2
    assert f"add --plugin {file}, or --trust" in capsys.readouterr().err


@pytest.mark.parametrize("load", [load_config, load_for_prediction])
def test_trust_in_a_folder_without_plugins_is_told(tmp_path, load):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").write_text(tiny_yaml())
    with pytest.warns(UserWarning, match="^--trust .*: no effect, since .*run/config.yaml names no Python files"):
        load(tmp_path / "run", trust=True)
