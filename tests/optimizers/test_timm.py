"""Optimizers of timm: their groups, their options, and errors about them."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from segkit.errors import ConfigError
from segkit.optimizers.timm import timm_optimizer


def test_a_step_of_lion_by_hand():
    """Lion moves each weight by the rate, against the sign of the gradient."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    optimizer = timm_optimizer(model, name="lion", lr=0.25, weight_decay=0.0)
    (3 * model.weight).sum().backward()
    optimizer.step()
    assert model.weight.item() == 0.75


def test_the_groups_are_those_of_adamw():
    model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
    optimizer = timm_optimizer(model, name="adamw", lr=1e-3, weight_decay=0.05)
    assert [(len(group["params"]), group["lr"], group["weight_decay"]) for group in optimizer.param_groups] == [
        (2, 1e-3, 0.05),
        (2, 1e-3, 0.0),
    ]


def test_it_may_be_wrapped():
    assert isinstance(timm_optimizer(nn.Linear(2, 3), name="lookahead_sgd"), torch.optim.Optimizer)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "lyon"}, "optimizer 'timm': name: timm has no optimizer 'lyon'. Did you mean 'lion'? It has: "),
        ({"name": "sgd", "options": {"speed": 3}}, "optimizer 'timm': 'sgd' cannot be built ("),
    ],
)
def test_errors(settings, message):
    with pytest.raises(ConfigError) as caught:
        timm_optimizer(nn.Linear(2, 3), **settings)
    assert str(caught.value).startswith(message)


def test_timm_is_loaded_only_when_it_is_used():
    program = "import sys, segkit.optimizers.timm; assert 'timm' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
