"""`load_config` and the Config that it returns."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import segkit
from segkit.config import CONFIG_FILE, as_config, load_config
from segkit.config.nodes import Origin
from segkit.config.plain import from_plain, plain
from segkit.config.sections import Data, Experiment, Split
from segkit.config.source import parse
from segkit.errors import CheckpointError, ConfigError
from segkit.runtime.integrity import guard
from tests.helpers.fake_parts import CONFIG


@pytest.fixture
def config(tmp_path):
    (tmp_path / "x.yaml").write_text(CONFIG)
    return load_config("x.yaml")


def test_it_is_the_package_s_own():
    assert segkit.load_config is load_config


def test_sections_become_dataclasses_with_their_defaults(config):
    experiment = config.experiment
    assert isinstance(experiment, Experiment)
    assert isinstance(experiment.data, Data)
    assert isinstance(experiment.data.train, Split)
    assert experiment.data.train.batch_size == 2
    assert experiment.data.train.workers == 2
    assert experiment.data.val is None
    assert experiment.training.optimizer == {"type": "adamw", "learning_rate": 0.0001}
    assert experiment.criterion.void == "negative"
    assert experiment.model is config["model"]
    assert experiment.evaluators == []


def test_a_config_tells_where_its_values_come_from(tmp_path, config):
    assert config.path == "x.yaml"
    assert config.origin("model") == "x.yaml:2"
    assert config.origin("model.backbone.name") == "x.yaml:3"
    assert config.origin("criterion.losses.1.alpha") == "x.yaml:10"
    changed = load_config("x.yaml", ["criterion.losses.1.alpha=0.5"])
    assert changed.origin("criterion.losses.1.alpha") == "<command line>"
    assert changed["criterion"]["losses"][1]["alpha"] == 0.5


def test_sections_may_be_absent(tmp_path):
    (tmp_path / "x.yaml").write_text("model: {type: per_pixel, backbone: {type: plain}}")
    config = load_config("x.yaml")
    assert "training" not in config
    assert "model" in config
    assert config.experiment.training is None


def test_the_resolved_config_loads_to_the_same(tmp_path, config):
    (tmp_path / "base.yaml").write_text(CONFIG)
    (tmp_path / "y.yaml").write_text(
        "extends: base.yaml\nmodel: {backbone: {name: 'NO', options: {a: '1e-4', b: 1e-4}}}\n"
    )
    first = load_config("y.yaml", ["training.seed=3", "init_from='a: b'"])
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text(first.to_yaml())
    again = load_config(tmp_path / "run")
    assert again.data == first.data
    assert again.experiment == first.experiment
    assert again.to_yaml() == first.to_yaml()
    assert again["model"]["backbone"] == {"type": "tiny", "name": "NO", "options": {"a": "1e-4", "b": 0.0001}}


def test_checking_a_config_imports_neither_timm_nor_torchvision():
    """They take seconds, which the check of a config that names timm and transforms need not."""
    program = (
        "import sys\nfrom segkit.config import load_config\nconfig = load_config(sys.argv[1])\n"
        "assert config['model']['backbone']['type'] == 'timm' and config['data']['train']['transforms']\n"
        "assert not {'timm', 'torchvision', 'transformers'} & set(sys.modules), 'too much is imported'"
    )
    config = Path(segkit.__file__).parents[1] / "configs" / "mask_former" / "ade20k_swin_tiny.yaml"
    subprocess.run([sys.executable, "-c", program, config], check=True)


def test_a_dict_is_a_config_as_a_file_is(tmp_path, config):
    (tmp_path / "x.yaml").write_text(CONFIG)
    loaded = load_config(config.data, ["training.seed=3"])
    assert loaded.data == load_config("x.yaml", ["training.seed=3"]).data
    assert loaded.path == "<dict>"
    assert loaded.origin("model.backbone.name") == "<dict>"
    assert loaded.origin("training.seed") == "<command line>"


def test_a_dict_extends_files_relative_to_the_working_directory(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "x.yaml").write_text(CONFIG)
    (tmp_path / "plugin_of_a_dict.py").touch()
    config = load_config(
        {"extends": "base/x.yaml", "model": {"backbone": {"depths": (2, 2)}}, "plugins": ["plugin_of_a_dict.py"]}
    )
    assert config["model"]["backbone"] == {"type": "tiny", "name": "small", "depths": (2, 2)}
    assert config.origin("model.backbone.name") == "base/x.yaml:3"
    assert config["plugins"] == [str(tmp_path / "plugin_of_a_dict.py")]


def test_a_dict_may_have_a_name():
    config = load_config({"model": {"type": "per_pixel", "backbone": {"type": "plain"}}}, name="notebook")
    assert (config.path, config.origin("model")) == ("notebook", "notebook")


def test_whole_numbers_are_keys_as_in_yaml():
    from_dict = from_plain({"label_map": {3: "a", np.int64(7): "b"}}, Origin("<dict>"))
    assert plain(from_dict) == plain(parse("label_map: {3: a, 7: b}", Origin("x.yaml")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backbone": {"type": "tny"}}, "model.backbone.type: there is no backbone 'tny'. Did you mean 'tiny'?"),
        ({"extends": "y.yaml"}, "model.extends: model 'per_pixel' takes no 'extends'. It takes: "),
        ({"backbone": Path("x")}, "model.backbone: must be a mapping with a type, such as "),
        ({"backbone": np.zeros(2)}, "model.backbone: a ndarray is not a YAML value. "),
        ({"backbone": {"options": [1, {2, 3}]}}, "model.backbone.options.1: a set is not a YAML value. "),
        ({1.5: "x"}, "model: the key 1.5 is not a string. Use a str."),
        ({True: "x"}, "model: the key True is not a string. Use a str."),
        ({"backbone": {3: "x", "3": "y"}}, "model.backbone: the key '3' is already set. Remove one of the two."),
        ({3: "x"}, "model.3: model 'per_pixel' takes no '3'. It takes: "),
    ],
)
def test_problems_of_a_dict_are_located_there(change, message):
    with pytest.raises(ConfigError) as caught:
        load_config({"model": {"type": "per_pixel", "backbone": {"type": "plain"}, **change}})
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"<dict>: {message}")


def test_numbers_of_numpy_and_paths_become_plain():
    options = {"a": np.int64(3), "b": np.float32(0.5), "c": np.bool_(True), "d": Path("x/y"), "e": np.array(2)}
    tree = from_plain(options, Origin("<dict>"))
    found = plain(tree)
    assert found == {"a": 3, "b": 0.5, "c": True, "d": str(Path("x/y")), "e": 2}
    assert [type(value) for value in found.values()] == [int, float, bool, str, int]


def test_a_dict_that_contains_itself_is_refused():
    data: dict = {}
    data["model"] = data
    with pytest.raises(ConfigError) as caught:
        load_config(data)
    assert str(caught.value).endswith(
        "model: lists and mappings are nested more than 100 levels deep. Make the config flatter."
    )


def test_a_missing_base_of_a_dict():
    with pytest.raises(ConfigError) as caught:
        load_config({"extends": "base.yaml"})
    assert str(caught.value) == "<dict>: extends: there is no file base.yaml."


@pytest.mark.parametrize("source", [5, None, ["x.yaml"], b"x"])
def test_what_is_no_source_of_a_config_is_refused(source):
    message = (
        f"config: {source!r} is nothing that a config is loaded from. Pass the path of a YAML file, the folder of a "
        "run or checkpoint, or a dict; segkit.train, evaluate and build_model take a loaded Config too."
    )
    for function in (load_config, segkit.train, segkit.build_model):
        with pytest.raises(ConfigError) as caught:
            function(source)
        assert str(caught.value) == message


def test_a_single_text_is_not_taken_as_a_list():
    with pytest.raises(ConfigError) as caught:
        load_config({}, "training.steps=3")
    assert str(caught.value) == "overrides: 'training.steps=3' is a single text. Pass a list: ['training.steps=3']."
    with pytest.raises(ConfigError, match=r"^plugins: 'x.py' is a single text"):
        load_config({}, plugins="x.py")


def test_a_loaded_config_stays_as_it_is():
    config = load_config({"model": {"type": "per_pixel", "backbone": {"type": "plain"}}})
    assert as_config(config) is config
    with pytest.raises(ConfigError, match=r"^config: a loaded Config is nothing that"):
        load_config(config)


def test_digests_guard_only_what_segkit_wrote(tmp_path):
    for name in (CONFIG_FILE, "own.yaml"):
        (tmp_path / name).write_text(CONFIG)
    guard(tmp_path, [CONFIG_FILE])
    for name in (CONFIG_FILE, "own.yaml"):
        (tmp_path / name).write_text(CONFIG + "\n")
    load_config(tmp_path / "own.yaml")
    extending = tmp_path.parent / "extending.yaml"
    extending.write_text(f"extends: {tmp_path / CONFIG_FILE}\n")
    for source in (tmp_path, tmp_path / CONFIG_FILE, extending):
        with pytest.raises(CheckpointError) as caught:
            load_config(source)
        assert str(caught.value) == (
            f"{tmp_path}/config.yaml: is damaged: its digest differs from SHA256SUMS. Use that of another checkpoint, "
            f"or restore it from a copy. If you changed files yourself, remove {tmp_path}/SHA256SUMS."
        )
