"""One optimizer step: the gradients of its batches, the check that they are finite, and the update."""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from segkit.criterion import Criterion, LossReport
from segkit.criterion.normalizers import mean_over_processes
from segkit.layers.stepping import announce_step, stepped_parts
from segkit.runtime.model_call import call_model
from segkit.training.callables import LossFunction
from segkit.types import Batch, PixelPrediction, Prediction, Target


@dataclass(frozen=True)
class StepReport:
    """The losses and the gradient of one step, over all its batches and processes."""

    losses: dict[str, float]
    """`total`, the weighted sum, and each loss without its weight, by name."""
    gradient_norm: float
    """Norm of the gradients of all parameters together, before clipping."""
    normalizers: Tensor | None = None
    """What the criterion divided the losses by; None for a plain function."""

    @property
    def finite(self) -> bool:
        """Whether the step may be made."""
        return math.isfinite(self.gradient_norm) and self.loss_finite

    @property
    def loss_finite(self) -> bool:
        """Whether the loss is finite. In fp16, gradients can overflow all the same, for which there is a remedy."""
        return math.isfinite(self.losses["total"])


@dataclass(frozen=True)
class Contributions:
    """The losses of one process's batches. Their mean over all processes is the loss of the step."""

    losses: dict[str, Tensor]
    normalizers: Tensor | None


class TrainingStep:
    """Computes the gradients of a step, and makes the step.

    The loss of a step does not depend on how its images are split into batches and processes, except for what a model
    itself computes over a batch, such as batch norm, and for random numbers.

    Args:
        model: The model as `accelerator.prepare` returned it.
        criterion: The loss. An `nn.Module` is moved to the device.
        optimizer: As `accelerator.prepare` returned it.
        accelerator: Device, processes and precision.
        clip_gradients: Upper bound of the norm of all gradients together.
    """

    def __init__(
        self,
        model: nn.Module,
        criterion: LossFunction,
        optimizer: torch.optim.Optimizer,
        accelerator: Accelerator,
        clip_gradients: float | None = None,
    ) -> None:
        self.model = model
        self.criterion = criterion
        self.optimizer = optimizer
        self.accelerator = accelerator
        self.clip_gradients = clip_gradients
        self._stepped = stepped_parts(model, criterion, getattr(criterion, "matcher", None))
        if isinstance(criterion, nn.Module):
            criterion.to(accelerator.device)

    def compute_gradients(self, batches: Sequence[Batch], step: int, steps: int) -> StepReport:
        """Computes and clips the gradients of a step. All processes return the same report.

        Args:
            batches: Of this process.
            step: From 0, for the parts that change with it.
            steps: Of the whole training.
        """
        self.model.train()
        announce_step(self._stepped, step, steps)
        own = add_gradients(self.model, self.criterion, self.accelerator, batches)
        norm = self._clip()
        losses = mean_over_processes(torch.stack(list(own.losses.values())))
        # The only time that a step waits for the GPU, besides matching. The update must not start before the check:
        # optimizers spread one nan over all weights, from which they never recover.
        norm_value, *values = torch.cat([norm.float().reshape(1), losses]).tolist()
        return StepReport(dict(zip(own.losses, values, strict=True)), norm_value, own.normalizers)

    def update(self) -> None:
        """Changes the weights by the gradients, which it removes."""
        self.optimizer.step()
        self.optimizer.zero_grad()

    def discard(self) -> None:
        """Removes the gradients, which are not finite. In fp16, it lowers the scale of the loss too."""
        if self.accelerator.scaler is not None:
            self.optimizer.step()  # the scaler has seen the gradients and leaves the weights as they are
        self.optimizer.zero_grad()

    def _clip(self) -> Tensor:
        """Clips the gradients, and returns the norm that they had."""
        parameters = list(self.model.parameters())
        if self.clip_gradients is not None:
            norm: Tensor = self.accelerator.clip_grad_norm_(parameters, self.clip_gradients)
            return norm
        self.accelerator.unscale_gradients()
        return nn.utils.get_total_norm([one.grad for one in parameters if one.grad is not None])


def add_gradients(
    model: nn.Module,
    criterion: LossFunction,
    accelerator: Accelerator,
    batches: Sequence[Batch],
    normalizers: Tensor | None = None,
) -> Contributions:
    """Adds the gradients of this process's batches to those of the parameters.

    Processes average their gradients in the last backward pass.

    Args:
        model: The model as `accelerator.prepare` returned it.
        criterion: The loss.
        accelerator: Device, processes and precision.
        batches: All batches of this process in the step.
        normalizers: What the criterion divides by; by default computed from the targets of all processes.
    """
    losses: dict[str, Tensor] = {}
    for index, batch in enumerate(batches):
        last = index == len(batches) - 1
        targets = _targets_of(batch, accelerator.device)
        with nullcontext() if last else accelerator.no_sync(model):
            with accelerator.autocast():
                images = batch.images.to(accelerator.device, non_blocking=True)
                prediction = call_model(model, images, batch.sizes, batch.files, targets)
                if isinstance(criterion, Criterion):
                    if normalizers is None:
                        normalizers = _normalizers(criterion, prediction, targets, batches[1:], accelerator.device)
                    report = criterion(prediction, targets, normalizers)
                else:
                    report = _divided(criterion(prediction, targets), len(batches))
            accelerator.backward(report.total)
        for name, value in report.named.items():
            losses[name] = losses[name] + value.detach() if name in losses else value.detach()
    return Contributions(losses, normalizers)


def _divided(report: LossReport, number: int) -> LossReport:
    return LossReport(report.total / number, {name: value / number for name, value in report.parts.items()})


def _normalizers(
    criterion: Criterion,
    prediction: Prediction | PixelPrediction,
    first_targets: list[Target],
    others: Sequence[Batch],
    device: torch.device,
) -> Tensor:
    """Returns the normalizers of a step, known from its targets before all but the first batch are predicted."""
    own = criterion.normalizers(prediction, first_targets)
    for batch in others:
        # Copied to the device again at their turn: so only one batch of masks takes its memory.
        own = own + criterion.normalizers(prediction, _targets_of(batch, device))
    # Processes average their gradients, so each divides by the mean.
    return mean_over_processes(own)


def _targets_of(batch: Batch, device: torch.device) -> list[Target]:
    return [target.to(device) for target in batch.targets]
