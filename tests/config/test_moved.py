"""Settings of version 0.1.0 that are written in another way now are read, with a warning that shows how."""

import warnings

import pytest

from segkit.config import load_config
from segkit.errors import ConfigError

EVALUATED = ["data.val.dataset={type: shapes}", "evaluators=[{type: mean_iou}]", "training.evaluate_every=1"]
EARLY = {"type": "early_stopping", "patience": 5}


@pytest.fixture
def config(write, right_config):
    """Writes the config with further lines in `training`, the last section."""

    def write_config(*lines, file="x.yaml"):
        write({file: right_config + "".join(f"  {line}\n" for line in lines)})
        return file

    return write_config


def test_early_stopping_is_a_hook(config):
    with pytest.warns(UserWarning, match="early_stopping") as warned:
        training = load_config(config("early_stopping: 5"), EVALUATED)["training"]
    assert str(warned[0].message) == (
        "x.yaml:20: training.early_stopping: is a hook now. Write training.hooks: [{type: early_stopping, patience: "
        "5}], or nothing in place of null."
    )
    assert training["hooks"] == [EARLY]
    assert "early_stopping" not in training


def test_other_hooks_stay_before_it(config):
    with pytest.warns(UserWarning, match="is a hook now"):
        training = load_config(config("hooks: [{type: ema}]", "early_stopping: 5"), EVALUATED)["training"]
    assert training["hooks"] == [{"type": "ema"}, EARLY]


def test_null_is_no_hook(config):
    with pytest.warns(UserWarning, match="is a hook now"):
        assert "hooks" not in load_config(config("early_stopping: null"))["training"]


def test_the_config_of_a_run_is_read_without_a_warning(config):
    config("early_stopping: 5", file="run/config.yaml")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_config("run")["training"]["hooks"] == [EARLY]


@pytest.mark.filterwarnings("ignore:.*is a hook now")
@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["early_stopping: many"], "x.yaml:20: training.hooks.0.patience: must be an integer, not 'many'."),
        (["hooks: 3", "early_stopping: 5"], "x.yaml:20: training.hooks: must be a list of hooks, such as [{type: "),
    ],
)
def test_errors(config, lines, message):
    with pytest.raises(ConfigError) as caught:
        load_config(config(*lines))
    assert str(caught.value).startswith(message)
