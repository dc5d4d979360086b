"""A training with `model.backbone.frozen: true`."""

from itertools import islice

import pytest
import torch

from segkit.checkpoint import load_checkpoint
from segkit.config import load_config
from segkit.errors import ConfigError
from segkit.training.build import build_training
from segkit.training.run_folder import RunFolder
from segkit.training.train import train
from tests.helpers.tiny import assert_equal_weights

FROZEN = "model.backbone.frozen=true"


def built(tiny, *overrides):
    return build_training(load_config(tiny, [FROZEN, *overrides]), RunFolder(tiny.parent / "built"))


def test_the_backbone_stays_and_the_rest_learns_also_after_a_resumption(tiny):
    settings = [FROZEN, "training.hooks=[{type: ema}]", "training.checkpoint_every=2"]
    trainer = built(tiny, *settings)
    start = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    trainer.batches = islice(trainer.batches, 3)
    with pytest.raises(StopIteration):
        trainer.run()
    broken = train(load_config(tiny, settings), "built", resume=True)
    whole = train(load_config(tiny, settings), "whole")
    for name in ("last", "best"):
        assert_equal_weights(whole / name, broken / name)
        model = load_checkpoint(whole / name).model
        changed = {name.partition(".")[0] for name, value in model.state_dict().items() if not value.equal(start[name])}
        assert changed == {"pixel_decoder", "transformer_decoder"}
        assert not any(parameter.requires_grad for parameter in model.backbone.parameters())


def test_only_the_rest_is_optimized_and_random_weights_are_told(tiny):
    trainer = built(tiny)
    optimized = {parameter for group in trainer.optimizer.param_groups for parameter in group["params"]}
    left = {name for name, parameter in trainer.model.named_parameters() if parameter not in optimized}
    assert left == {name for name, _ in trainer.model.named_parameters() if name.startswith("backbone.")}
    assert f": {sum(one.numel() for one in optimized) / 1e6:.1f} M trainable parameters" in trainer.notes[0]
    assert trainer.notes[1:] == [
        "model.backbone: frozen with random weights, which say little about an image. Set pretrained or weights, or "
        "init_from"
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "training.optimizer.backbone_multiplier=0.1",
            "optimizer 'adamw': backbone_multiplier: has no effect: all parameters of the backbone of model MaskFormer "
            "are frozen. Remove it.",
        ),
        (
            "training.schedule.backbone_warmup_steps=2",
            "training.schedule: has a warm-up of the backbone, but model MaskFormer has no parameters of a backbone "
            "that learn. Leave out backbone_warmup_steps, or give the model an attribute `backbone` or a method "
            "`parameter_layers` (segkit.registries.Layered).",
        ),
        (
            "training.hooks=[{type: freeze, parameters: [backbone.*]}]",
            "hook 'freeze': parameters: all that 'backbone.*' matches is frozen already. Remove it.",
        ),
    ],
)
def test_what_a_frozen_backbone_leaves_without_effect_is_refused(tiny, override, message):
    with pytest.raises(ConfigError) as caught:
        built(tiny, override)
    assert str(caught.value) == message


def test_it_is_compiled_in_training(tiny, monkeypatch):
    compiled = []

    def compile_(function):
        return lambda *inputs: compiled.append(function.__self__) or function(*inputs)

    monkeypatch.setattr(torch, "compile", compile_)
    trainer = built(tiny, "training.compile=true", "training.steps=1")
    trainer.run()
    assert trainer.model.backbone in compiled
