"""The test loop: batches through model, postprocessors and evaluators, nothing kept but what the evaluators keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from segkit.errors import ConfigError
from segkit.registries import Evaluator, Postprocessor
from segkit.runtime.precision import Precision, autocast
from segkit.types import Batch, Metrics, Result

OnResult = Callable[[Batch, int, Result], None]
"""`(batch, index in the batch, result)`: called for every result, to write or draw it."""


def check_evaluators(postprocessors: Mapping[str, Postprocessor], evaluators: Mapping[str, Evaluator]) -> None:
    """Raises ConfigError, one line per problem, unless exactly one postprocessor makes what each evaluator takes."""
    problems = []
    for name, evaluator in evaluators.items():
        makers = [
            key for key, postprocessor in postprocessors.items() if postprocessor.result_type is evaluator.result_type
        ]
        kind = evaluator.result_type.__name__
        if not makers:
            there = (
                ", ".join(f"'{key}' makes {part.result_type.__name__}" for key, part in postprocessors.items())
                or "none"
            )
            problems.append(f"evaluators: '{name}' takes a {kind}, which no postprocessor makes. There are: {there}")
        elif len(makers) > 1:
            both = " and ".join(f"'{key}'" for key in makers)
            problems.append(
                f"evaluators: '{name}' takes a {kind}, which {both} make. Keep one of these postprocessors."
            )
    if problems:
        raise ConfigError("\n".join(problems))


def evaluate_model(
    model: nn.Module,
    loader: Iterable[Batch],
    postprocessors: Mapping[str, Postprocessor],
    evaluators: Mapping[str, Evaluator],
    *,
    device: torch.device | str | None = None,
    precision: Precision = "fp32",
    progress: Callable[[int], None] | None = None,
    on_result: OnResult | None = None,
) -> dict[str, Metrics]:
    """Metrics of `model` over `loader`, by the evaluators' names.

    `model` runs in eval mode and is given back in the modes it came in; `device` is where the images go, by default
    where the model's first parameter is. `progress` is called after each batch with its number of images.
    Postprocessors whose results nobody takes are not run. The evaluators must be fresh: they are added to, never reset.

    With `torch.distributed` initialised, each process evaluates its own loader, which must not repeat another's images;
    all of them return the metrics of all images.
    """
    check_evaluators(postprocessors, evaluators)
    where = torch.device(device) if device is not None else _device_of(model)
    wanted = {evaluator.result_type for evaluator in evaluators.values()}
    running = [part for part in postprocessors.values() if on_result is not None or part.result_type in wanted]
    with torch.inference_mode(), evaluation_mode(model):
        for batch in loader:
            with autocast(where, precision):
                prediction = model(batch.images.to(where, non_blocking=True), [size.unpadded for size in batch.sizes])
            for postprocessor in running:
                for index, result in enumerate(postprocessor(prediction, batch.sizes)):
                    for evaluator in evaluators.values():
                        if isinstance(result, evaluator.result_type):
                            evaluator.add(result, batch.targets[index], batch.image_ids[index])
                    if on_result is not None:
                        on_result(batch, index, result)
            if progress is not None:
                progress(len(batch.files))
    return _computed(evaluators)


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Every module in eval mode inside, each back in its own mode after (frozen ones stay frozen)."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _device_of(model: nn.Module) -> torch.device:
    parameter = next(model.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device


def _computed(evaluators: Mapping[str, Evaluator]) -> dict[str, Metrics]:
    """The metrics of what all processes' evaluators hold, the same to the last bit in each of them."""
    distributed = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return {name: evaluator.compute() for name, evaluator in evaluators.items()}
    states: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(states, {name: evaluator.state() for name, evaluator in evaluators.items()})
    answer: list[Any] = [None]
    if distributed.get_rank() == 0:
        for others in states[1:]:
            for name, evaluator in evaluators.items():
                evaluator.merge(others[name])
        answer = [{name: evaluator.compute() for name, evaluator in evaluators.items()}]
    distributed.broadcast_object_list(answer, src=0)
    metrics: dict[str, Metrics] = answer[0]
    return metrics
