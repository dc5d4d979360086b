"""What is wrong on the command line: the whole message, located there."""

import pytest

from segkit.config import load_config
from segkit.config.sections import Experiment
from segkit.errors import ConfigError
from tests.helpers.fake_parts import keys_of

SECTIONS = keys_of(Experiment)
TINY = "name, pretrained, width, depths, stages, norm, options, frozen"
NOTHING = "Write key=value, such as training.steps=100."
EMPTY_KEY = "has an empty key. Write key.sub=value, such as training.steps=100."
SPACE = "has a space before or after a key. Write key=value, without spaces."
ITEMS = "criterion.losses is a list (x.yaml:9) and has no item '{}'. Its items are criterion.losses.0 to .1."
TOO_DEEP = "lists and mappings are nested more than 100 levels deep. Make the config flatter."

WRONG = {
    "": f"'' has no '='. {NOTHING}",
    "training.steps": f"'training.steps' has no '='. {NOTHING}",
    "--steps": f"'--steps' has no '='. {NOTHING}",
    "{training: 1}": f"'{{training: 1}}' has no '='. {NOTHING}",
    "=": f"'=' {EMPTY_KEY}",
    "=3": f"'=3' {EMPTY_KEY}",
    "training.=3": f"'training.=3' {EMPTY_KEY}",
    ".training=3": f"'.training=3' {EMPTY_KEY}",
    "training..steps=3": f"'training..steps=3' {EMPTY_KEY}",
    "training. .steps=3": f"'training. .steps=3' {EMPTY_KEY}",
    "training.steps =3": f"'training.steps =3' {SPACE}",
    " training.steps=3": f"' training.steps=3' {SPACE}",
    f"{'a.' * 100}a=3": f"'{'a.' * 28}a…' has more than 100 keys. No config is that deep.",
    "training.steps=": (
        "training.steps: the value is missing. Write training.steps=null for null, training.steps=\"''\" for empty "
        "text."
    ),
    "training.steps= ": (
        "training.steps: the value is missing. Write training.steps=null for null, training.steps=\"''\" for empty "
        "text."
    ),
    "training.steps=[1": "training.steps: the '[' has no ']', or a ',' is missing before this.",
    "training.steps='1": "training.steps: the quote that begins here is not closed. Close it.",
    "training.steps=\t3": "training.steps: YAML does not allow a tab here. Use spaces.",
    "training.steps=*x": "training.steps: there is no anchor '&x' above. Write '&x' before the value to repeat.",
    "training={steps: 1, steps: 2}": "training: the key 'steps' is already set here. Remove one of the two.",
    "training={1.5: 2}": "training: the key '1.5' is not a string. Put it in quotes.",
    f"training.steps={'9' * 5000}": (
        f"training.steps: '{'9' * 56}… is too large a number. Put it in quotes if it is a string."
    ),
    f"training.steps={'[' * 2000}": f"training.steps: {TOO_DEEP}",
    "model.backbone.name=\ud800": ("model.backbone.name: the character '\\ud800' is not allowed in YAML. Remove it."),
    "extends=y.yaml": "extends: a config can extend others only in its file. Override single values here.",
    "extends.0=y.yaml": "extends.0: a config can extend others only in its file. Override single values here.",
    "training.steps.x=3": "training.steps.x: training.steps is 10 (x.yaml:17), which has no keys.",
    "init_from=a: b": "init_from: must be a string or null, not a mapping.",
    "criterion.losses.2.weight=3": f"criterion.losses.2.weight: {ITEMS.format('2')}",
    "criterion.losses.-1.weight=3": f"criterion.losses.-1.weight: {ITEMS.format('-1')}",
    "criterion.losses.00.weight=3": f"criterion.losses.00.weight: {ITEMS.format('00')}",
    "criterion.losses.dice.weight=3": f"criterion.losses.dice.weight: {ITEMS.format('dice')}",
    f"criterion.losses.{'9' * 5000}=3": f"criterion.losses.{'9' * 5000}: {ITEMS.format('9' * 5000)}",
    "criterion.losses.0=3": "criterion.losses.0: must be a mapping with a type, such as {type: dice}, not 3.",
    "model.backbone=tiny": "model.backbone: must be a mapping with a type, such as {type: tiny}, not 'tiny'.",
    "model.backbone=null": "model.backbone: must be a mapping with a type, such as {type: plain}, not null.",
    "model.backbone.type=tny": (
        "model.backbone.type: there is no backbone 'tny'. Did you mean 'tiny'? There are: plain, tiny"
    ),
    "model.backbone.widht=3": (
        f"model.backbone.widht: backbone 'tiny' takes no 'widht'. Did you mean 'width'? It takes: {TINY}"
    ),
    "model.bakbone.width=3": (
        "model.bakbone: model 'mask_former' takes no 'bakbone'. Did you mean 'backbone'? It takes: backbone, "
        "pixel_decoder, transformer_decoder, pixel_mean"
    ),
    "modle.backbone.width=3": (f"modle: a config takes no 'modle'. Did you mean 'model'? It takes: {SECTIONS}"),
    "3=4": f"3: a config takes no '3'. It takes: {SECTIONS}",
    "<<={seed: 1}": f"<<: a config takes no '<<'. It takes: {SECTIONS}",
    "data.val.dataset.size=3": "data.val.dataset: this dataset has no type. Add one of: shapes",
    "training.optimizer.type=poly": (
        "training.optimizer.type: there is no optimizer 'poly'. There are: adamw. 'poly' is a schedule"
    ),
    "plugins=a.py": "plugins: must be a list of strings, not 'a.py'.",
    "plugins.0=a.py": "plugins: must be a list of strings, not a mapping.",
}


@pytest.mark.parametrize("override", WRONG)
def test_a_wrong_override_is_reported(override, problems_of, right_config):
    assert problems_of(right_config, override) == [f"<command line>: {WRONG[override]}"]


def test_an_empty_list_has_no_items(problems_of, right_config):
    text = right_config.replace("[{type: flip}]", "[]")
    assert problems_of(text, "data.train.transforms.0=3") == [
        "<command line>: data.train.transforms.0: data.train.transforms is a list (x.yaml:14) and has no item '0'. It "
        "is empty."
    ]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            ["steps", "a..b=1", "training.steps=", "training.steps=5"],
            [
                f"'steps' has no '='. {NOTHING}",
                f"'a..b=1' {EMPTY_KEY}",
                "training.steps: the value is missing. Write training.steps=null for null, training.steps=\"''\" for "
                "empty text.",
            ],
        ),
        (
            ["training.steps.x=1", "criterion.losses.5=1", "training.seed=x"],
            [
                "training.steps.x: training.steps is 10 (x.yaml:17), which has no keys.",
                f"criterion.losses.5: {ITEMS.format('5')}",
            ],
        ),
        (
            ["model.type=x", "training.steps=y"],
            [
                "model.type: there is no model 'x'. There are: mask_former, per_pixel",
                "training.steps: must be an integer, not 'y'.",
            ],
        ),
    ],
)
def test_all_wrong_overrides_of_a_kind_are_reported_at_once(overrides, expected, problems_of, right_config):
    assert problems_of(right_config, *overrides) == [f"<command line>: {line}" for line in expected]


def test_overrides_that_are_none_are_reported_before_the_file_is_read():
    with pytest.raises(ConfigError) as caught:
        load_config("nowhere.yaml", ["steps"])
    assert str(caught.value) == f"<command line>: 'steps' has no '='. {NOTHING}"
