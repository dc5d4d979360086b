"""What an optimizer step changes, set back."""

import copy

import pytest
import torch
from torch import nn

from segkit.training.update_backup import UpdateBackup


def step(model, optimizer):
    model(torch.ones(2, 3)).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()


def content(model, optimizer):
    return copy.deepcopy((model.state_dict(), optimizer.state_dict()))


def assert_same(one, other):
    torch.testing.assert_close(one[0], other[0], rtol=0, atol=0)
    assert one[1]["param_groups"] == other[1]["param_groups"]
    torch.testing.assert_close(one[1]["state"], other[1]["state"], rtol=0, atol=0)


@pytest.mark.parametrize("steps_before", [0, 1, 3])
def test_an_update_is_undone(steps_before):
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    backup = UpdateBackup(model, optimizer)
    for _ in range(steps_before):
        backup.take()
        step(model, optimizer)
    backup.take()
    before = content(model, optimizer)
    step(model, optimizer)
    optimizer.param_groups[0]["lr"] = 7.0
    backup.restore()
    assert_same(content(model, optimizer), before)
    step(model, optimizer)  # and it goes on
    expected = content(model, optimizer)
    backup.restore()
    step(model, optimizer)
    assert_same(content(model, optimizer), expected)


class Odd(torch.optim.SGD):
    """Replaces its tensors, nests them, and keeps numbers in its groups and states."""

    def step(self):
        super().step()
        for group in self.param_groups:
            group["count"] = group.get("count", 0) + 1
            for parameter in group["params"]:
                state = self.state[parameter]
                state["factors"] = [one + 1 for one in state.get("factors", [torch.zeros(2)])]
                state["deep"] = {"number": state.get("deep", {"number": 0})["number"] + 1}


def test_states_of_any_structure_are_set_back():
    model = nn.Linear(3, 2)
    optimizer = Odd(model.parameters(), lr=0.1)
    backup = UpdateBackup(model, optimizer)
    step(model, optimizer)
    backup.take()
    before = content(model, optimizer)
    step(model, optimizer)
    next(iter(optimizer.state.values()))["factors"][0].fill_(9.0)
    backup.restore()
    assert_same(content(model, optimizer), before)
