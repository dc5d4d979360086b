"""An optimizer.

* It is a torch.optim.Optimizer whose groups have a finite learning rate `lr`, one of them above zero.
* Every parameter that requires a gradient is in exactly one group, once; one that several modules share is one.
* A step lowers a simple loss and leaves frozen parameters alone.
* A second instance that loads its state goes on as the first would.
"""

import math
from collections import Counter
from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn

from segkit.testing._common import difference, named, seeded, trying


class _Model(nn.Module):
    """A backbone with a frozen layer, norms, an embedding, a bare parameter, and a weight that two layers share."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 8))
        self.backbone[0].requires_grad_(False)
        self.queries = nn.Embedding(3, 8)
        self.scale = nn.Parameter(torch.ones(8))
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
        self.second.weight = self.first.weight

    def forward(self, values: Tensor) -> Tensor:
        """(B,4) -> (B,3)."""
        states: Tensor = self.second(self.first(self.backbone(values) * self.scale).relu())
        return states @ self.queries.weight.T


@seeded()
def check_optimizer(make: Callable[[nn.Module], torch.optim.Optimizer]) -> None:
    """`make(model)` builds the part. Raises AssertionError, saying in words what it does wrong."""
    model = _Model()
    optimizer = make(model)
    who = named("optimizer", optimizer)
    assert isinstance(optimizer, torch.optim.Optimizer), f"{who} is no torch.optim.Optimizer"
    _check_groups(who, optimizer, model)
    values, truth = torch.randn(16, 4), torch.randn(16, 3)
    frozen = {name: value.clone() for name, value in model.named_parameters() if not value.requires_grad}
    before = _step(who, optimizer, model, values, truth)
    after = _loss(model, values, truth).item()
    assert after < before, (
        f"{who} takes a simple loss from {before:.6g} to {after:.6g} in a step, where it ought to fall"
    )
    for name, value in model.named_parameters():
        assert name not in frozen or torch.equal(value, frozen[name]), f"{who} changes '{name}', which is frozen"
    resumed_model = deepcopy(model)
    resumed = make(resumed_model)
    with trying(who, "when another instance loads its state"):
        resumed.load_state_dict(deepcopy(optimizer.state_dict()))
    _step(who, optimizer, model, values, truth)
    _step(who, resumed, resumed_model, values, truth)
    for (name, value), other in zip(model.named_parameters(), resumed_model.parameters(), strict=True):
        assert not difference(value, other), (
            f"{who} and another instance that has loaded its state step differently: '{name}' differs"
        )


def _check_groups(who: str, optimizer: torch.optim.Optimizer, model: nn.Module) -> None:
    counts = Counter(id(parameter) for group in optimizer.param_groups for parameter in group["params"])
    trainable = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    missing = [name for name, parameter in trainable.items() if counts[id(parameter)] == 0]
    assert not missing, f"{who} leaves out {', '.join(missing)}, where every trainable parameter is promised a group"
    twice = [name for name, parameter in trainable.items() if counts[id(parameter)] > 1]
    assert not twice, f"{who} holds {', '.join(twice)} more than once"
    rates = [group.get("lr") for group in optimizer.param_groups]
    good = all(isinstance(rate, float) and math.isfinite(rate) and rate >= 0 for rate in rates) and any(rates)
    assert good, f"{who} has groups of the learning rates {rates}, where finite floats from 0 are promised, not all 0"


def _loss(model: nn.Module, values: Tensor, truth: Tensor) -> Tensor:
    squared: Tensor = (model(values) - truth) ** 2
    return squared.mean()


def _step(who: str, optimizer: torch.optim.Optimizer, model: nn.Module, values: Tensor, truth: Tensor) -> float:
    """The loss before the step."""
    optimizer.zero_grad()
    loss = _loss(model, values, truth)
    loss.backward()  # type: ignore[no-untyped-call]
    with trying(who, "in a step"):
        optimizer.step()
    return loss.item()
