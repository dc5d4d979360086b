"""The contract of an optimizer.

* It is a torch.optim.Optimizer whose groups have a finite learning rate `lr`, at least one of them above 0.
* Every parameter that requires a gradient is in exactly one group, once, even if several modules share it.
* A step lowers a simple loss and leaves frozen parameters unchanged.
* A second instance that loads its state continues like the first.
"""

import math
from collections import Counter
from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn

from segkit.testing._common import difference, named, refuse_built, seeded, trying


class _Model(nn.Module):
    """A backbone with a frozen layer, norms, an embedding, a bare parameter, and a weight that two layers share."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 8))
        self.backbone[0].requires_grad_(False)
        self.queries = nn.Embedding(3, 8)
        self.scale = nn.Parameter(torch.ones(8))
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
        self.second.weight = self.first.weight  # one parameter under two names

    def forward(self, values: Tensor) -> Tensor:
        """(B,4) -> (B,3)."""
        states: Tensor = self.second(self.first(self.backbone(values) * self.scale).relu())
        return states @ self.queries.weight.T


@seeded()
def check_optimizer(make: Callable[[nn.Module], torch.optim.Optimizer]) -> None:
    """Checks an optimizer.

    Args:
        make: Builds the part for a model; the function itself, where its settings have defaults.

    Raises:
        AssertionError: it breaks the contract; the message says how and what to do.

    Example:
        >>> from segkit.optimizers.adamw import adamw
        >>> check_optimizer(adamw)
    """
    refuse_built("optimizer", make)
    model = _Model()
    optimizer = make(model)
    who = named("optimizer", optimizer)
    assert isinstance(optimizer, torch.optim.Optimizer), f"{who} is not a torch.optim.Optimizer. Return one."
    _check_groups(who, optimizer, model)
    values, target = torch.randn(16, 4), torch.randn(16, 3)
    frozen = {name: value.clone() for name, value in model.named_parameters() if not value.requires_grad}
    before = _step(who, optimizer, model, values, target)
    after = _loss(model, values, target).item()
    assert after < before, (
        f"{who} changes a simple loss from {before:.6g} to {after:.6g} in a step. The contract asks for a lower one."
    )
    for name, value in model.named_parameters():
        assert name not in frozen or torch.equal(value, frozen[name]), (
            f"{who} changes '{name}', which is frozen. Leave out parameters that require no gradient."
        )
    # Resume as a training does: a new optimizer over a copy of the model loads the saved state.
    resumed_model = deepcopy(model)
    resumed = make(resumed_model)
    with trying(who, "when another instance loads its state"):
        resumed.load_state_dict(deepcopy(optimizer.state_dict()))
    _step(who, optimizer, model, values, target)
    _step(who, resumed, resumed_model, values, target)
    for (name, value), other in zip(model.named_parameters(), resumed_model.parameters(), strict=True):
        assert not difference(value, other), (
            f"{who} and another instance that has loaded its state change '{name}' differently. Keep all state in "
            "state_dict()."
        )


def _check_groups(who: str, optimizer: torch.optim.Optimizer, model: nn.Module) -> None:
    counts = Counter(id(parameter) for group in optimizer.param_groups for parameter in group["params"])
    trainable = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    missing = [name for name, parameter in trainable.items() if counts[id(parameter)] == 0]
    assert not missing, f"{who} leaves out {', '.join(missing)}. Put every trainable parameter into a group."
    twice = [name for name, parameter in trainable.items() if counts[id(parameter)] > 1]
    assert not twice, f"{who} holds {', '.join(twice)} more than once. Put a shared parameter into one group, once."
    rates = [group.get("lr") for group in optimizer.param_groups]
    good = all(isinstance(rate, float) and math.isfinite(rate) and rate >= 0 for rate in rates) and any(rates)
    assert good, (
        f"{who} has groups with the learning rates {rates}. The contract asks for finite floats of at least "
        "0, not all 0."
    )


def _loss(model: nn.Module, values: Tensor, target: Tensor) -> Tensor:
    squared: Tensor = (model(values) - target) ** 2
    return squared.mean()


def _step(who: str, optimizer: torch.optim.Optimizer, model: nn.Module, values: Tensor, target: Tensor) -> float:
    """Makes a step, and returns the loss before it."""
    optimizer.zero_grad()
    loss = _loss(model, values, target)
    loss.backward()  # type: ignore[no-untyped-call]
    with trying(who, "in a step"):
        optimizer.step()
    return loss.item()
