"""The contract of a hook.

* It has all methods of `segkit.Hook`, and every one works in a training of two steps and an evaluation.
* It leaves the weights as they are when the training starts.
* Its `state` survives a file that executes no code: tensors, numbers, texts, lists and dicts.
* Another instance that has loaded the state after its start has the same state, and still has after further steps.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segkit.errors import with_article
from segkit.registries import Hook, TrainingContext
from segkit.testing._common import named, refuse_built, seeded, trying


@dataclass
class _Progress:
    step: int = 0
    best: float | None = None
    evaluations_without_best: int = 0


def tiny_context(model: nn.Module, *, folder: Path | None = None, evaluations_without_best: int = 0) -> TrainingContext:
    """Returns the context of a training of ten steps that has not begun, for tests of hooks.

    What a hook logs is forgotten. Its lines are printed, and `stop` prints the reason. The losses of a trial are those
    of a parabola over the logarithm of the learning rate.

    Args:
        model: The model.
        folder: The run folder.
        evaluations_without_best: Evaluations since the best one.

    Example:
        >>> tiny_context(nn.Linear(1, 1)).steps
        10
    """
    return TrainingContext(
        model,
        torch.optim.SGD(model.parameters(), lr=0.1),
        10,
        _Progress(evaluations_without_best=evaluations_without_best),
        log=lambda values: None,
        print=print,
        stop=lambda reason: print(f"stop: {reason}"),
        trial=_trial,
        folder=folder,
    )


@contextmanager
def _trial() -> Iterator[Callable[[float], float]]:
    yield lambda rate: 3.0 + Tensor([rate]).log10().square().item()


@seeded()
def check_hook(make: Callable[[], Hook], make_model: Callable[[], nn.Module] | None = None) -> None:
    """Checks a hook.

    Args:
        make: Builds the part; the class itself, where its settings have defaults.
        make_model: Builds the model to try it with, where the hook needs a certain one: it takes values (8, 4).

    Raises:
        AssertionError: it breaks the contract; the message says how and what to do.

    Example:
        >>> from segkit.hooks.ema import ExponentialMovingAverage
        >>> check_hook(ExponentialMovingAverage)
    """
    refuse_built("hook", make)
    with trying(named("hook", make), "when it is built"):
        hook = make()
    who = named("hook", hook)
    assert isinstance(hook, Hook), f"{who} lacks methods of a hook. Derive the class from segkit.Hook."
    make_model = make_model or _three_layers
    context = _started(who, hook, make_model)
    _advance(who, hook, context)
    state = _saved(who, hook)
    other = make()
    other_context = _started(who, other, make_model, context)
    with trying(who, "when another instance loads its state"):
        other.load_state(deepcopy(state))
    _assert_same(who, state, _saved(who, other), "right after it has loaded it")
    for one, its_context in ((hook, context), (other, other_context)):
        _advance(who, one, its_context)
    _assert_same(who, _saved(who, hook), _saved(who, other), "two steps later")
    for one, its_context in ((hook, context), (other, other_context)):
        with trying(who, "at the end"):
            one.on_end(its_context)


def _three_layers() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))


def _started(
    who: str, hook: Hook, make_model: Callable[[], nn.Module], earlier: TrainingContext | None = None
) -> TrainingContext:
    """Starts a training, or one that goes on where an earlier one is."""
    torch.manual_seed(0)
    model = make_model()
    if earlier is not None:
        model.load_state_dict(earlier.model.state_dict())
    with trying(who, "in on_model"):
        hook.on_model(model)
    context = tiny_context(model)
    if earlier is not None:
        context.state = _Progress(earlier.step)
    context.print = context.stop = lambda text: None
    before = deepcopy(model.state_dict())
    with trying(who, "in on_start"):
        hook.on_start(context)
    changed = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    assert not changed, f"{who} changes {', '.join(changed)} in on_start. Leave the weights as they are there."
    return context


def _advance(who: str, hook: Hook, context: TrainingContext) -> None:
    """Makes two steps, each followed by a line of the log, and an evaluation."""
    assert isinstance(context.state, _Progress)
    for _ in range(2):
        values = torch.randn(8, 4, generator=torch.Generator().manual_seed(context.step))
        context.model(values).square().mean().backward()
        context.optimizer.step()
        context.optimizer.zero_grad()
        context.state.step += 1
        with trying(who, f"after step {context.step}"):
            hook.after_step(context)
            hook.on_log(context, {"losses": {"total": 1.0}, "learning_rate": 0.1})
    context.evaluated_model, context.state.best = context.model, 0.5
    with trying(who, "around an evaluation"):
        hook.before_evaluation(context)
        hook.after_evaluation(context, {"mean_iou": 0.5})
    assert isinstance(context.evaluated_model, nn.Module), (
        f"{who} sets evaluated_model to {with_article(type(context.evaluated_model).__name__)}. Set a model."
    )


def _saved(who: str, hook: Hook) -> dict[str, Any]:
    """Returns the state as a training reads it from a checkpoint."""
    file = io.BytesIO()
    with trying(who, "when its state is saved; it may hold tensors, numbers, texts, lists and dicts"):
        state = hook.state()
        assert isinstance(state, dict), f"state returned {with_article(type(state).__name__)}, not a dict"
        torch.save(state, file)
        file.seek(0)
        read: dict[str, Any] = torch.load(file, weights_only=True)
    return read


def _assert_same(who: str, one: dict[str, Any], other: dict[str, Any], when: str) -> None:
    apart = [key for key in dict.fromkeys([*one, *other]) if not _same(one.get(key), other.get(key))]
    assert not apart, (
        f"{who} and another instance that has loaded its state differ in {', '.join(apart)} {when}. Return all that "
        "the hook keeps from state, and set it in load_state."
    )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(type(one) is type(other) and one == other)
