"""Steps that are made to see what comes of them, and are undone."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import islice

import torch
from torch import nn

from segkit.training.learning_rates import LearningRates
from segkit.training.snapshot import Snapshot
from segkit.training.step import TrainingStep
from segkit.types import Batch


@contextmanager
def trial(
    model: nn.Module, training_step: TrainingStep, rates: LearningRates, batches: Iterable[Batch], accumulate: int
) -> Iterator[Callable[[float], float]]:
    """Yields a function `(learning rate) -> loss` that makes a step, and sets everything back at the end.

    Args:
        model: The model, whose weights are kept beside it meanwhile.
        training_step: Makes the steps.
        rates: Of its optimizer.
        batches: Iterated over anew, so that the training gets the same batches afterwards.
        accumulate: Batches of a step.
    """
    snapshot = Snapshot(model)
    weights = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = deepcopy(training_step.optimizer.state_dict())
    scaler = training_step.accelerator.scaler
    scale = None if scaler is None else scaler.state_dict()
    pass_over = iter(batches)

    def step(rate: float) -> float:
        rates.set_highest(rate)
        report = training_step.compute_gradients(list(islice(pass_over, accumulate)), 0, rates.steps)
        training_step.update(report)
        return report.losses["total"] if report.finite else float("nan")

    try:
        yield step
    finally:
        snapshot.restore()
        with torch.no_grad():
            for parameter, before in zip(model.parameters(), weights, strict=True):
                parameter.copy_(before)
        training_step.optimizer.load_state_dict(optimizer)
        if scaler is not None:
            scaler.load_state_dict(scale)
