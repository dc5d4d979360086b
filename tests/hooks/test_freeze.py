"""Patterns of parameters, and errors about them; tests/training/test_build.py builds a training with it."""

import pytest
from torch import nn

from segkit.config import load_config
from segkit.errors import ConfigError
from segkit.hooks.freeze import Freeze


@pytest.fixture
def model():
    model = nn.Module()
    model.backbone, model.head = nn.Linear(2, 2), nn.Linear(2, 1)
    return model


@pytest.mark.parametrize(
    ("patterns", "learning"),
    [
        (["backbone.*"], ["head.weight", "head.bias"]),
        (["*.bias", "head.weight"], ["backbone.weight"]),
        (["backbone.weight"], ["backbone.bias", "head.weight", "head.bias"]),
    ],
)
def test_what_matches_is_frozen(model, patterns, learning):
    Freeze(parameters=patterns).on_model(model)
    assert [name for name, parameter in model.named_parameters() if parameter.requires_grad] == learning


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (
            ["head.*", "backbne.*"],
            "hook 'freeze': parameters: no parameter of the model matches 'backbne.*'. Did you mean 'backbone.*'? The "
            "model has: backbone.*, head.*",
        ),
        (
            ["backbone.*", "*.weight", "backbone.bias"],
            "hook 'freeze': parameters: all that 'backbone.bias' matches is frozen already. Remove it.",
        ),
        (["*"], "hook 'freeze': parameters: none is left to learn. Remove a pattern."),
    ],
)
def test_errors(model, patterns, message):
    with pytest.raises(ConfigError) as caught:
        Freeze(parameters=patterns).on_model(model)
    assert str(caught.value) == message


def test_no_pattern_is_refused_before_anything_is_built(tiny):
    with pytest.raises(ConfigError) as caught:
        load_config(tiny, ["training.hooks=[{type: freeze, parameters: []}]"])
    assert str(caught.value) == (
        "<command line>: training.hooks.0.parameters: the list is empty and has no effect. Name a pattern, or remove "
        "the hook."
    )
