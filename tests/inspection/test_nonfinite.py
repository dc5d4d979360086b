"""The first tensor that is not finite, in forward and backward order."""

import pytest
import torch
from torch import nn

from segkit.inspection.nonfinite import NonFiniteWatch


class Root(nn.Module):
    """Its derivative at 0 is infinite."""

    def forward(self, values):
        return values.sqrt()


class Inverse(nn.Module):
    def forward(self, values):
        return {"nested": [1 / values]}


def watched(model, inputs, loss=lambda output: output.sum()):
    watch = NonFiniteWatch()
    with watch.over(model):
        value = loss(model(inputs))
        watch.see("the loss", value)
        value.backward()
    return watch.first


def test_a_value_is_named_by_the_innermost_module():
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), Inverse()))
    with torch.no_grad():
        model[0].weight.fill_(-1)
        model[0].bias.fill_(0)
    first = watched(model, torch.ones(1, 2), lambda output: output["nested"][0].sum())
    assert first == "the output of 1.1 (Inverse), (1, 2)"


def test_a_loss_comes_before_its_gradients():
    assert watched(nn.Linear(1, 1), torch.ones(1, 1), lambda output: (output * 0).sum().log() * 1e9) == "the loss, ()"


def test_a_gradient_is_named_where_all_values_are_finite():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), Root())
    assert watched(model, torch.zeros(1, 1)) == "the gradient of the output of 0 (Linear), (1, 1)"


@pytest.mark.parametrize("inputs", [torch.ones(1, 1), torch.zeros(0, 1)], ids=["one", "none"])
def test_nothing_to_name(inputs):
    assert watched(nn.Linear(1, 1), inputs) is None
