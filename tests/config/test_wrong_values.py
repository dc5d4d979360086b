"""Values that do not fit their setting: full messages as `load_config` reports them."""

import pytest

from segkit.config import load_config

NEEDS_NUMBER = "width: must be a number, not"
NEEDS_BOOLEAN = "pretrained: must be true or false, not"
NEEDS_CHOICE = "norm: must be one of 'batch', 'layer', not"
NEEDS_PAIR = "depths: must be a list of 2 integers"

SCALARS = {
    "width: wide": f"{NEEDS_NUMBER} 'wide'.",
    "width: '1.5'": f"{NEEDS_NUMBER} '1.5'. Write 1.5, without quotes.",
    "width: 1_000": f"{NEEDS_NUMBER} '1_000'. Write 1000, without quotes.",
    "width: 10%": f"{NEEDS_NUMBER} '10%'.",
    "width: ''": f"{NEEDS_NUMBER} ''.",
    "width: true": f"{NEEDS_NUMBER} true.",
    "width: null": f"{NEEDS_NUMBER} null.",
    "width:": f"{NEEDS_NUMBER} null.",
    "width: [1]": f"{NEEDS_NUMBER} a list.",
    "width: {a: 1}": f"{NEEDS_NUMBER} a mapping.",
    "width: inf": f"{NEEDS_NUMBER} 'inf'.",
    "width: .inf": f"{NEEDS_NUMBER} inf. Write a finite one.",
    "width: -Infinity": f"{NEEDS_NUMBER} '-Infinity'.",
    "width: nan": f"{NEEDS_NUMBER} 'nan'.",
    "width: .nan": f"{NEEDS_NUMBER} nan. Write a finite one.",
    f"width: 1{'0' * 400}": f"{NEEDS_NUMBER} 1{'0' * 56}…. It is too large.",
    f"width: {'b' * 3000}": f"{NEEDS_NUMBER} '{'b' * 56}….",
    "pretrained: yes": f"{NEEDS_BOOLEAN} 'yes'. Write true, without quotes.",
    "pretrained: 'False'": f"{NEEDS_BOOLEAN} 'False'. Write false, without quotes.",
    "pretrained: 1": f"{NEEDS_BOOLEAN} 1.",
    "pretrained: 0.0": f"{NEEDS_BOOLEAN} 0.0.",
    "pretrained: null": f"{NEEDS_BOOLEAN} null.",
    "name: 18": "name: must be a string, not 18. Put it in quotes.",
    "name: true": "name: must be a string, not true. Put it in quotes.",
    "name: null": "name: must be a string, not null.",
    "name: [resnet]": "name: must be a string, not a list.",
    "norm: bach": f"{NEEDS_CHOICE} 'bach'. Did you mean 'batch'?",
    "norm: Batch": f"{NEEDS_CHOICE} 'Batch'. Did you mean 'batch'?",
    "norm: group": f"{NEEDS_CHOICE} 'group'.",
    "norm: 3": f"{NEEDS_CHOICE} 3.",
    "norm: null": f"{NEEDS_CHOICE} null.",
    "norm: [batch]": f"{NEEDS_CHOICE} a list.",
}
COLLECTIONS = {
    "depths: 3": f"{NEEDS_PAIR}, not 3.",
    "depths: null": f"{NEEDS_PAIR}, not null.",
    "depths: {a: 1, b: 2}": f"{NEEDS_PAIR}, not a mapping.",
    "depths: []": f"{NEEDS_PAIR}, but has 0 items.",
    "depths: [1]": f"{NEEDS_PAIR}, but has 1 item.",
    "depths: [1, 2, 3]": f"{NEEDS_PAIR}, but has 3 items.",
    "depths: [1, 2.0]": "depths.1: must be an integer, not 2.0. Write 2.",
    "depths: [1, 2.5]": "depths.1: must be an integer, not 2.5.",
    "depths: ['3', 2]": "depths.0: must be an integer, not '3'. Write 3, without quotes.",
    "depths: [true, 2]": "depths.0: must be an integer, not true.",
    "depths: [1, null]": "depths.1: must be an integer, not null.",
    "stages: 3": "stages: must be a list of integers or null, not 3.",
    "stages: None": "stages: must be a list of integers or null, not 'None'. Write null, without quotes.",
    "stages: {a: 1}": "stages: must be a list of integers or null, not a mapping.",
    "stages: [1, [2]]": "stages.1: must be an integer, not a list.",
    "stages: [1e3]": "stages.0: must be an integer, not 1000.0. Write 1000.",
    "stages:\n      -1": "stages: must be a list of integers or null, not -1.",
    "stages:\n      -a": "stages: must be a list of integers or null, not '-a'. Put a space after the '-'.",
    "options: 3": "options: must be a mapping or null, not 3.",
    "options: [a]": "options: must be a mapping or null, not a list.",
    "options:\n      drop:0.1": "options: must be a mapping or null, not 'drop:0.1'. Put a space after the ':'.",
    "options: http://a": "options: must be a mapping or null, not 'http://a'.",
}


@pytest.mark.parametrize("setting", [*SCALARS, *COLLECTIONS])
def test_a_value_of_another_type_is_refused(setting, problems_of):
    name = "" if setting.startswith("name:") else "    name: a\n"
    lines = problems_of(f"model:\n  type: per_pixel\n  backbone:\n    type: tiny\n{name}    {setting}\n")
    at = (5 if not name else 6) + setting.count("\n")
    assert lines == [f"x.yaml:{at}: model.backbone.{(SCALARS | COLLECTIONS)[setting]}"]


LOSSES = {
    "alpha: autoo": "alpha: must be a number or 'auto', not 'autoo'. Did you mean 'auto'?",
    "alpha: '0.5'": "alpha: must be a number or 'auto', not '0.5'. Write 0.5, without quotes.",
    "alpha: true": "alpha: must be a number or 'auto', not true.",
    "alpha: [1]": "alpha: must be a number or 'auto', not a list.",
    "class_weights: [1]": "class_weights: must be a mapping of numbers or null, not a list.",
    "class_weights: {road: high}": "class_weights.road: must be a number, not 'high'.",
    "class_weights: {road: null}": "class_weights.road: must be a number, not null.",
    "weight: heavy": "weight: must be a number, not 'heavy'.",
    "weight: null": "weight: must be a number, not null.",
    "weight: true": "weight: must be a number, not true.",
}


@pytest.mark.parametrize("setting", LOSSES)
def test_a_loss_s_value_of_another_type_is_refused(setting, problems_of):
    model = "model: {type: per_pixel, backbone: {type: plain}}\n"
    lines = problems_of(f"{model}criterion:\n  losses:\n    - type: focal\n      {setting}\n")
    assert lines == [f"x.yaml:5: criterion.losses.0.{LOSSES[setting]}"]


SECTIONS = {
    "data.train.batch_size=true": "must be an integer, not true.",
    "data.train.batch_size=2.0": "must be an integer, not 2.0. Write 2.",
    "data.train.batch_size=0": "must be at least 1, not 0.",
    "data.train.workers='2'": "must be an integer, not '2'. Write 2, without quotes.",
    "data.train.workers=-1": "must be at least 0, not -1.",
    "data.train.limit=1e3": "must be an integer or null, not 1000.0. Write 1000.",
    "data.train.limit=None": "must be an integer or null, not 'None'. Write null, without quotes.",
    "data.train.limit=0": "must be at least 1, not 0.",
    "data.train.dataset.size=big": "must be an integer or a list of 2 integers, not 'big'.",
    "data.train.dataset.size=1,2": "must be an integer or a list of 2 integers, not '1,2'.",
    "data.train.dataset.size={a: 1}": "must be an integer or a list of 2 integers, not a mapping.",
    "data.train.dataset.size=[1, 2, 3]": "must be a list of 2 integers, but has 3 items.",
    "training.steps='3'": "must be an integer, not '3'. Write 3, without quotes.",
    "training.steps=0": "must be at least 1, not 0.",
    "training.accumulate=0": "must be at least 1, not 0.",
    "training.clip_gradients=0": "must be more than 0, not 0.",
    "training.clip_gradients=-1e-3": "must be more than 0, not -0.001.",
    "training.evaluate_every=0": "must be at least 1, not 0.",
    "training.checkpoint_every=0": "must be at least 1, not 0.",
    "training.keep_checkpoints=0": "must be at least 1, not 0.",
    "training.log_every=0": "must be at least 1, not 0.",
    "training.seed=-1": "must be at least 0, not -1.",
    "training.precision=fp61": "must be one of 'fp32', 'bf16', 'fp16', not 'fp61'. Did you mean 'fp16'?",
    "training.best_metric=3": "must be a string or null, not 3. Put it in quotes.",
    "criterion.void=ignored": "must be one of 'negative', 'ignore', not 'ignored'. Did you mean 'ignore'?",
    "criterion.deep_supervision=off": "must be true or false, not 'off'. Write false, without quotes.",
    "init_from=3": "must be a string or null, not 3. Put it in quotes.",
    "init_from=''": "the path is empty. Name the folder of a checkpoint or run, or write null.",
    "init_from=' '": "the path is empty. Name the folder of a checkpoint or run, or write null.",
    "init_from=[a]": "must be a string or null, not a list.",
}


@pytest.mark.parametrize("override", SECTIONS)
def test_a_section_s_value_of_another_type_or_range_is_refused(override, problems_of, right_config):
    key = override.partition("=")[0]
    assert problems_of(right_config, override) == [f"<command line>: {key}: {SECTIONS[override]}"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("width: 1", 1.0),
        ("width: 0x10", 16.0),
        ("width: 1e3", 1000.0),
        ("depths: [0, -1]", (0, -1)),
        ("stages: []", []),
        ("stages: null", None),
        ("options: {a: [1, {b: null}]}", {"a": [1, {"b": None}]}),
        ("name: 2024-01-01", "2024-01-01"),
        ("name: NO", "NO"),
    ],
)
def test_integers_are_numbers_and_nothing_else_is_converted(tmp_path, setting, value):
    name = "" if setting.startswith("name:") else "name: a, "
    (tmp_path / "x.yaml").write_text(f"model: {{type: per_pixel, backbone: {{type: tiny, {name}{setting}}}}}")
    got = load_config("x.yaml")["model"]["backbone"][setting.partition(":")[0]]
    assert got == value
    assert type(got) is type(value)


def test_bounds_hold_where_null_is_allowed_too(tmp_path, right_config):
    (tmp_path / "x.yaml").write_text(right_config)
    config = load_config("x.yaml", ["data.train.limit=null", "training.accumulate=1", "training.seed=0"])
    assert config["data"]["train"]["limit"] is None
    assert config["training"]["accumulate"] == 1
