"""The JSON Schema that editors check configs with, against the check that segkit does itself."""

import pytest
from jsonschema import Draft7Validator

from segkit.config import load_config
from segkit.config.json_schema import json_schema
from segkit.config.nodes import COMMAND_LINE
from segkit.config.plain import plain
from segkit.config.source import parse
from segkit.errors import ConfigError
from tests.helpers.fake_parts import CONFIG

WRONG = {
    "unknown key": ("model.backbone.nmae=a", "('nmae' was unexpected)"),
    "unknown part": ("model.backbone.type=tny", "'tny' is not one of ['plain', 'tiny']"),
    "wrong type": ("model.backbone.width=wide", "'wide' is not of type 'number'"),
    "no choice": ("model.backbone.norm=group", "'group' is not one of ['batch', 'layer']"),
    "list too long": ("model.backbone.depths=[1, 2, 3]", "[1, 2, 3] is too long"),
    "item of a list": ("model.backbone.stages=[1, a]", "'a' is not of type 'integer'"),
    "injected": ("model.pixel_decoder.features=[]", "('features' was unexpected)"),
    "part as a name": ("criterion.matcher=hungarian", "'hungarian' is not of type 'object'"),
    "part without type": ("criterion.losses=[{weight: 1}]", "'type' is a required property"),
    "item without a needed setting": (
        "data.train.transforms=[{type: some_of}]",
        "'transforms' is a required property",
    ),
    "not a list": ("criterion.losses={type: dice}", "is not of type 'array'"),
    "unknown top level key": ("modle=1", "('modle' was unexpected)"),
    "unknown key of a section": ("training.stpes=1", "('stpes' was unexpected)"),
    "null where a part is needed": ("training.optimizer=null", "None is not of type 'object'"),
    "number out of bounds": ("training.steps=0", "0 is less than the minimum of 1"),
    "text for an integer": ("training.steps='10'", "'10' is not of type 'integer'"),
}


@pytest.fixture
def schema(_fake_parts) -> dict:
    return json_schema(on_broken=pytest.fail)


def messages(schema: dict, config: dict) -> str:
    """All that is wrong, branches of alternatives included."""
    found, waiting = [], list(Draft7Validator(schema).iter_errors(config))
    while waiting:
        error = waiting.pop()
        found.append(error.message)
        waiting += error.context
    return "\n".join(found)


def test_it_is_a_schema(schema):
    Draft7Validator.check_schema(schema)


def test_a_right_config_is_valid(schema, tmp_path):
    assert messages(schema, plain(parse(CONFIG, COMMAND_LINE))) == ""


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_config_fails_in_both(schema, tmp_path, name):
    override, message = WRONG[name]
    (tmp_path / "x.yaml").write_text(CONFIG)
    with pytest.raises(ConfigError):
        load_config("x.yaml", [override])
    assert message in messages(schema, _overridden(override))


def test_a_base_file_may_leave_things_out(schema):
    assert messages(schema, plain(parse("extends: a.yaml\nmodel: {backbone: {width: 2}}", COMMAND_LINE))) == ""


def test_settings_without_a_type_are_those_of_some_part(schema):
    assert "'wdith' is not one of" in messages(schema, plain(parse("model: {backbone: {wdith: 2}}", COMMAND_LINE)))


def test_editors_show_what_a_setting_means(schema):
    assert schema["definitions"]["Training"]["properties"]["clip_gradients"]["description"] == (
        "Maximum norm of the gradients of all parameters together; null does not clip."
    )
    assert schema["definitions"]["backbones.tiny"]["properties"]["width"] == {"type": "number", "default": 1.0}
    weight = schema["definitions"]["losses.dice"]["properties"]["weight"]
    assert weight["description"] == "Factor of this loss in the sum of all."
    assert (weight["type"], weight["default"], weight["minimum"]) == ("number", 1.0, 0)


def _overridden(override: str) -> dict:
    from segkit.config.compose import merge
    from segkit.config.overrides import parse_overrides

    (parsed,) = parse_overrides([override])
    return plain(parsed.apply(parse(CONFIG, COMMAND_LINE), merge))
