"""The test loop: passes batches through model, postprocessors and evaluators, and keeps no results itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from segkit.errors import ConfigError, with_article
from segkit.inference.window_predictor import WindowPredictor
from segkit.registries import Evaluator, Postprocessor
from segkit.runtime.model_call import call_model, enough_memory
from segkit.runtime.precision import Precision, autocast
from segkit.types import Batch, Metrics, Result, SemanticResult

OnResult = Callable[[Batch, int, Result], None]
"""`(batch, index in the batch, result)`: called for every result, to write or draw it."""


def check_evaluators(postprocessors: Mapping[str, Postprocessor], evaluators: Mapping[str, Evaluator]) -> None:
    """Checks that each evaluator has exactly one postprocessor with the same `result_type`.

    Raises:
        ConfigError: One line per evaluator for which this does not hold.
    """
    problems = []
    given = ", ".join(f"'{name}' gives {part.result_type.__name__}" for name, part in postprocessors.items())
    for name, evaluator in evaluators.items():
        wanted = evaluator.result_type
        givers = [f"'{key}'" for key, part in postprocessors.items() if part.result_type is wanted]
        if not givers:
            problems.append(
                f"evaluators: '{name}' takes {with_article(wanted.__name__)}, which no postprocessor gives. There are: "
                f"{given or 'none'}"
            )
        elif len(givers) > 1:
            problems.append(
                f"evaluators: '{name}' takes {with_article(wanted.__name__)}, which {' and '.join(givers)} "
                "give. Keep one of these postprocessors."
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
    windows: WindowPredictor | None = None,
) -> dict[str, Metrics]:
    """Computes the metrics of `model` over `loader`, by the evaluators' names.

    With `torch.distributed` initialized, each process evaluates its own loader, and all return the metrics of all
    images. The loaders of two processes must not contain the same image.

    Args:
        model: Runs in eval mode; afterwards each of its modules has its earlier mode.
        loader: Batches with targets.
        postprocessors: By name. Without `on_result`, only those run that some evaluator needs.
        evaluators: By name. They must be fresh: results are added to them.
        device: Where the images go; by default where the model's first parameter is.
        precision: Number format of the model.
        progress: Called after each batch with its number of images.
        on_result: Called for every result of every postprocessor.
        windows: Finds instances and panoptic segments in windows of each image. `model` gives all other results.

    Raises:
        ConfigError: As `check_evaluators`.
        DataError: An image cannot be read, or is too small for the model or too large for the memory.
    """
    check_evaluators(postprocessors, evaluators)
    where = torch.device(device) if device is not None else device_of(model)
    wanted = {evaluator.result_type for evaluator in evaluators.values()}
    # A result that nobody reads is not made.
    running = [part for part in postprocessors.values() if on_result is not None or part.result_type in wanted]
    with torch.inference_mode(), evaluation_mode(model):
        for batch in loader:
            for results in _results(model, batch, running, where, precision, windows):
                for index, result in enumerate(results):
                    for evaluator in evaluators.values():
                        if isinstance(result, evaluator.result_type):
                            evaluator.add(result, batch.targets[index], batch.image_ids[index])
                    if on_result is not None:
                        on_result(batch, index, result)
            if progress is not None:
                progress(len(batch.files))
    return _compute(evaluators)


def _results(
    model: nn.Module,
    batch: Batch,
    postprocessors: Sequence[Postprocessor],
    device: torch.device,
    precision: Precision,
    windows: WindowPredictor | None,
) -> Iterator[list[Result]]:
    """Yields what each postprocessor gives for a batch."""
    prediction = None
    for postprocessor in postprocessors:
        if windows is not None and postprocessor.result_type is not SemanticResult:
            images = zip(batch.images, batch.sizes, batch.files, strict=True)
            yield [windows.segments(image, sizes, file, postprocessor) for image, sizes, file in images]
            continue
        if prediction is None:
            # Only the model: postprocessors and metrics compute in the types they choose.
            with autocast(device, precision):
                prediction = call_model(model, batch.images.to(device, non_blocking=True), batch.sizes, batch.files)
        with enough_memory(batch.sizes, batch.files):
            results = postprocessor(prediction, batch.sizes)
        yield list(results)


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Puts a model into eval mode, and each of its modules back into its earlier mode at the end.

    `model.train()` would not do at the end: modules that were frozen in eval mode must stay so.

    Example:
        >>> model = nn.Sequential(nn.Dropout(), nn.Dropout().eval())
        >>> with evaluation_mode(model):
        ...     [module.training for module in model]
        [False, False]
        >>> [module.training for module in model]
        [True, False]
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def device_of(model: nn.Module) -> torch.device:
    """Returns where a model's first parameter is; the CPU for a model without parameters.

    Example:
        >>> device_of(nn.ReLU())
        device(type='cpu')
    """
    parameter = next(model.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device


def _compute(evaluators: Mapping[str, Evaluator]) -> dict[str, Metrics]:
    """Returns the metrics of what the evaluators of all processes hold."""
    distributed = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return {name: evaluator.compute() for name, evaluator in evaluators.items()}
    states: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(states, {name: evaluator.state() for name, evaluator in evaluators.items()})
    # One process computes, and the others receive its metrics: they are equal to the last bit everywhere.
    answer: list[Any] = [None]
    if distributed.get_rank() == 0:
        # The state of rank 0 is in its own evaluators already.
        for others in states[1:]:
            for name, evaluator in evaluators.items():
                evaluator.merge(others[name])
        answer = [{name: evaluator.compute() for name, evaluator in evaluators.items()}]
    distributed.broadcast_object_list(answer, src=0)
    metrics: dict[str, Metrics] = answer[0]
    return metrics
