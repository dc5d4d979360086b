"""The hook `ema`."""

from typing import Annotated, Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from segkit.layers.stepping import announce_step, stepped_parts
from segkit.registries import HOOKS, Hook, TrainingContext
from segkit.registries.signature import Bounds

Tensors = tuple[Tensor, ...] | list[Tensor]


@HOOKS.register("ema")
class ExponentialMovingAverage(Hook):
    """Exponential moving average of the weights (Polyak and Juditsky 1992). It is evaluated and becomes `best`.

    Running statistics are averaged too. The average begins at the weights after the first step. `last` and the training
    itself keep the weights as they are, and the average is saved beside them for --resume. Steps that changed nothing,
    because they were not finite, are not averaged.

    Args:
        decay: Fraction of the average that a step keeps: 0.999 averages about the last 1000 steps.

    Example:
        >>> from torch import nn
        >>> from segkit.testing.hook import tiny_context
        >>> model, hook = nn.Linear(1, 1), ExponentialMovingAverage(decay=0.75)
        >>> context = tiny_context(model)
        >>> hook.on_start(context)
        >>> for weight in (1.0, 2.0):
        ...     _ = nn.init.constant_(model.weight, weight)
        ...     hook.after_step(context)
        >>> hook.before_evaluation(context)
        >>> context.evaluated_model.weight.item()
        1.25
    """

    def __init__(self, *, decay: Annotated[float, Bounds(least=0, below=1)] = 0.999) -> None:
        self.decay = decay

    def on_start(self, context: TrainingContext) -> None:
        self._unchanged: Tensor | None = None
        self._averaged = AveragedModel(context.model, multi_avg_fn=self._average, use_buffers=True)
        self._averaged.requires_grad_(False)

    def after_step(self, context: TrainingContext) -> None:
        self._unchanged = context.unchanged
        self._averaged.update_parameters(context.model)

    @torch.no_grad()
    def _average(self, averages: Tensors, weights: Tensors, _: object) -> None:
        """Averages tensors of one type and device, without waiting to know whether the step was made."""
        # Made on the device: copying a number to a GPU would wait for it.
        unchanged = torch.zeros((), device=averages[0].device) if self._unchanged is None else self._unchanged
        fraction = (1 - unchanged.float()) * (1 - self.decay)
        if averages[0].is_floating_point() or averages[0].is_complex():
            changes = torch._foreach_sub(weights, averages)
            torch._foreach_mul_(changes, fraction.to(averages[0].dtype))
            torch._foreach_add_(averages, changes)
        else:  # counters, which are rounded down
            for average, value in zip(averages, weights, strict=True):
                average.copy_(average + (value - average) * fraction)

    def before_evaluation(self, context: TrainingContext) -> None:
        # What follows from the step is no average.
        announce_step(stepped_parts(self._averaged.module), context.step - 1, context.steps)
        context.evaluated_model = self._averaged.module

    def state(self) -> dict[str, Any]:
        return dict(self._averaged.state_dict())

    def load_state(self, state: dict[str, Any]) -> None:
        self._averaged.load_state_dict(state)
