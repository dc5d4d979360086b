"""Learning rates of groups, by the factors of a schedule."""

import pytest
import torch
from torch import nn

from segkit.config import load_config
from segkit.errors import ConfigError
from segkit.training.build import build_training
from segkit.training.learning_rates import LearningRates
from segkit.training.run_folder import RunFolder
from segkit.training.train import train
from tests.helpers.tiny import assert_equal_weights


@pytest.fixture
def model():
    model = nn.Module()
    model.backbone, model.head = nn.Linear(1, 1), nn.Linear(1, 1)
    return model


def rates_of(optimizer):
    return {parameter: group["lr"] for group in optimizer.param_groups for parameter in group["params"]}


def test_one_factor_scales_all_groups(model):
    parts = [{"params": model.backbone.parameters(), "lr": 0.1}, {"params": model.head.parameters()}]
    optimizer = torch.optim.SGD(parts, lr=1.0)
    rates = LearningRates(optimizer, lambda step, steps: 1 - step / steps, 4, model)
    rates.set(1)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.075, 0.75])
    assert rates.highest == 0.75
    rates.set_highest(0.5)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.5])


def test_a_factor_of_the_backbone_divides_groups(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.5)
    rates = LearningRates(optimizer, lambda step, steps: {"backbone": 0.25, "head": 0.5}, 4, model)
    rates.set(1)
    found = rates_of(optimizer)
    assert [found[parameter] for parameter in model.parameters()] == [0.25, 0.25, 0.5, 0.5]
    assert [group["momentum"] for group in optimizer.param_groups] == [0.5, 0.5]
    rates.set_highest(0.1)
    assert set(rates_of(optimizer).values()) == {0.1}


def test_without_a_backbone_it_is_refused():
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    with pytest.raises(ConfigError) as caught:
        LearningRates(optimizer, lambda step, steps: {"backbone": 0.25, "head": 0.5}, 4, model)
    assert str(caught.value) == (
        "training.schedule: has a warm-up of the backbone, but model Linear has no parameters of a backbone that "
        "learn. Leave out backbone_warmup_steps, or give the model an attribute `backbone` or a method "
        "`parameter_layers` (segkit.registries.Layered)."
    )


def broken_after(batches, count):
    for _ in range(count):
        yield next(batches)
    raise ConnectionError


def test_a_training_of_two_stages_is_resumed_exactly(tiny):
    settings = ["training.schedule={type: cosine, warmup_steps: 1, backbone_warmup_steps: 2}"]
    whole = train(load_config(tiny, settings), output="whole")
    trainer = build_training(load_config(tiny, settings), RunFolder(tiny.parent / "broken"))
    trainer.batches = broken_after(trainer.batches, 3)
    with pytest.raises(ConnectionError):
        trainer.run()
    train(load_config(tiny, settings), output="broken", resume=True)
    assert_equal_weights(whole / "last", tiny.parent / "broken/last")
