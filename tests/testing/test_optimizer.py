"""Error messages about optimizers."""

from functools import partial

import pytest
import torch
from torch import nn

from segkit.testing import check_optimizer
from tests.helpers.contract_errors import each_of, error_message


def trainable(model):
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def sgd(model, **settings):
    return torch.optim.SGD(trainable(model), **{"lr": 0.01, **settings})


def everything(model):
    """Frozen parameters too, which get no gradient and stay as they are."""
    return torch.optim.SGD(model.parameters(), lr=0.01)


def a_function(model):
    return everything


def matrices(model):
    return torch.optim.SGD([parameter for parameter in trainable(model) if parameter.dim() > 1], lr=0.01)


def per_module(model):
    """Meets a shared weight once per module."""
    owned = [parameter for module in model.modules() for parameter in module.parameters(recurse=False)]
    with pytest.warns(UserWarning, match="duplicate"):
        return torch.optim.SGD([parameter for parameter in owned if parameter.requires_grad], lr=0.01)


class Descending(torch.optim.SGD):
    def __init__(self, model):
        super().__init__(trainable(model), lr=0.01)


class Ascending(Descending):
    def __init__(self, model):
        torch.optim.SGD.__init__(self, trainable(model), lr=0.01, maximize=True)


class Failing(Descending):
    def step(self):
        raise RuntimeError("no fused kernel")


class Shrinking(Descending):
    """Decays all parameters of the model."""

    def __init__(self, model):
        super().__init__(model)
        self.model = model

    @torch.no_grad()
    def step(self):
        super().step()
        for parameter in self.model.parameters():
            parameter *= 0.999


class Slowing(Descending):
    """Keeps a number of its own outside its state."""

    steps = 0

    def step(self):
        self.steps += 1
        for group in self.param_groups:
            group["lr"] = 0.1 / self.steps
        super().step()


class Unloadable(Descending):
    def load_state_dict(self, state):
        raise ValueError("no state")


MESSAGES = [
    (a_function, "optimizer everything is not a torch.optim.Optimizer. Return one."),
    (
        matrices,
        "optimizer SGD leaves out scale, backbone.1.weight, backbone.1.bias, backbone.3.bias, first.bias, "
        "second.bias. Put every trainable parameter into a group.",
    ),
    (per_module, "optimizer SGD holds first.weight more than once. Put a shared parameter into one group, once."),
    (
        partial(sgd, lr=0.0),
        "optimizer SGD has groups with the learning rates [0.0]. The contract asks for finite floats of at least 0, "
        "not all 0.",
    ),
    (
        partial(sgd, lr=1),
        "optimizer SGD has groups with the learning rates [1]. The contract asks for finite floats of at least 0, "
        "not all 0.",
    ),
    (Failing, "optimizer Failing fails in a step: RuntimeError: no fused kernel"),
    (
        Shrinking,
        "optimizer Shrinking changes 'backbone.0.weight', which is frozen. Leave out parameters that require no "
        "gradient.",
    ),
    (Unloadable, "optimizer Unloadable fails when another instance loads its state: ValueError: no state"),
    (
        Slowing,
        "optimizer Slowing and another instance that has loaded its state change 'scale' differently. Keep all state "
        "in state_dict().",
    ),
]


@each_of(MESSAGES)
def test_error_message(part, message):
    assert error_message(check_optimizer, part) == message


def test_a_step_upwards():
    message = error_message(check_optimizer, Ascending)
    before, after = (float(word) for word in message.split() if word[0].isdigit())
    assert before < after
    assert message == (
        f"optimizer Ascending changes a simple loss from {before:.6g} to {after:.6g} in a step. The contract "
        "asks for a lower one."
    )


@pytest.mark.parametrize("part", [sgd, everything, Descending])
def test_a_good_one_passes(part):
    check_optimizer(part)


def test_the_model_it_is_tried_on_shares_a_weight_and_freezes_a_layer():
    def make(model):
        assert isinstance(model, nn.Module)
        assert model.first.weight is model.second.weight
        assert not model.backbone[0].weight.requires_grad
        return everything(model)

    check_optimizer(make)
