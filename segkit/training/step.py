"""One optimizer step: the gradients of its batches, the check that they are finite, and the update."""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from torch import Tensor, nn

from segkit.criterion import Criterion, LossReport
from segkit.criterion.normalizers import mean_over_processes
from segkit.layers.stepping import announce_step, stepped_parts
from segkit.runtime.copy_stream import CopyStream
from segkit.runtime.host_copy import HostCopy
from segkit.runtime.model_call import call_model
from segkit.training.callables import LossFunction
from segkit.types import Batch, PixelPrediction, Prediction, Target


class StepReport:
    """The losses and the gradient of one step, over all its batches and processes.

    Asking for a value waits for the device, unless it has computed it long before.

    Args:
        names: `total`, the weighted sum, and each loss without its weight.
        norm: Norm of the gradients of all parameters together, before clipping.
        losses: Their values, in the order of the names.
        normalizers: What the criterion divided the losses by; None for a plain function.
        loss_scale: Factor of the loss in fp16.
    """

    def __init__(
        self,
        names: Sequence[str],
        norm: Tensor,
        losses: Tensor,
        normalizers: Tensor | None = None,
        loss_scale: Tensor | None = None,
    ) -> None:
        values = torch.cat([norm.float().reshape(1), losses])
        self.nonfinite = values[:2].isfinite().all().logical_not()
        """Whether the norm or the total is not finite, so that the step must not be made: a scalar on the device."""
        self.normalizers = normalizers
        self.loss_scale = loss_scale
        self._names = tuple(names)
        self._copy = HostCopy(values)

    @cached_property
    def _values(self) -> list[float]:
        return self._copy.values()

    @property
    def losses(self) -> dict[str, float]:
        """`total` and each loss, by name."""
        return dict(zip(self._names, self._values[1:], strict=True))

    @property
    def gradient_norm(self) -> float:
        """Norm of the gradients of all parameters together, before clipping."""
        return self._values[0]

    @property
    def finite(self) -> bool:
        """Whether the step may be made."""
        return math.isfinite(self.gradient_norm) and self.loss_finite

    @property
    def loss_finite(self) -> bool:
        """Whether the loss is finite. In fp16, gradients can overflow all the same, for which there is a remedy."""
        return math.isfinite(self._values[1])


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
        self._copies = CopyStream(accelerator.device)
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
        own = add_gradients(self.model, self.criterion, self.accelerator, self._copies, batches)
        norm = self._clip()
        losses = mean_over_processes(torch.stack(list(own.losses.values())))
        scaler = self.accelerator.scaler
        scale = None if scaler is None else scaler.scale(torch.ones_like(norm))
        return StepReport(list(own.losses), norm, losses, own.normalizers, scale)

    def update(self, report: StepReport) -> None:
        """Changes the weights by the gradients, which it removes. A step that is not finite leaves them as they are.

        Optimizers spread one nan over all weights, from which they never recover. But most cannot leave out a step by
        themselves: for those the program waits until it knows the norm.
        """
        if self._can_leave_out:
            self._step_unless(report.nonfinite.float())
        elif report.finite:
            self.optimizer.step()
        elif self.accelerator.scaler is not None:
            self.accelerator.scaler.update()  # it has seen the gradients and lowers the scale of the loss
        self.optimizer.zero_grad()

    @property
    def _can_leave_out(self) -> bool:
        """Whether the optimizer takes `found_inf`, as torch's fused ones do. Their first step makes their states."""
        optimizer = _own(self.optimizer)
        fused = all(group.get("fused") for group in optimizer.param_groups)
        # The attribute is how a GradScaler knows them.
        return fused and getattr(optimizer, "_step_supports_amp_scaling", False) and len(optimizer.state) > 0

    def _step_unless(self, nonfinite: Tensor) -> None:
        """Makes the step of the optimizer, which the device leaves out where this scalar is 1."""
        optimizer, scaler = _own(self.optimizer), self.accelerator.scaler
        optimizer.found_inf = nonfinite  # type: ignore[attr-defined]
        try:
            if scaler is None:
                self.optimizer.step()
            else:  # its own step would look at the gradients only, not at the loss
                optimizer.step()
                scaler.update()
        finally:
            del optimizer.found_inf  # type: ignore[attr-defined]

    def _clip(self) -> Tensor:
        """Clips the gradients, and returns the norm that they had."""
        parameters = list(self.model.parameters())
        if self.clip_gradients is not None:
            norm: Tensor = self.accelerator.clip_grad_norm_(parameters, self.clip_gradients)
            return norm
        self.accelerator.unscale_gradients()
        return nn.utils.get_total_norm([one.grad for one in parameters if one.grad is not None])


def _own(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Returns torch's optimizer inside Accelerate's."""
    return optimizer.optimizer if isinstance(optimizer, AcceleratedOptimizer) else optimizer


def add_gradients(
    model: nn.Module,
    criterion: LossFunction,
    accelerator: Accelerator,
    copies: CopyStream,
    batches: Sequence[Batch],
    normalizers: Tensor | None = None,
) -> Contributions:
    """Adds the gradients of this process's batches to those of the parameters.

    Processes average their gradients in the last backward pass.

    Args:
        model: The model as `accelerator.prepare` returned it.
        criterion: The loss.
        accelerator: Device, processes and precision.
        copies: Copies the batches to the device, each at its turn.
        batches: All batches of this process in the step.
        normalizers: What the criterion divides by; by default computed from the targets of all processes.
    """
    losses: dict[str, Tensor] = {}
    for index, batch in enumerate(batches):
        last = index == len(batches) - 1
        images, targets = copies.copy(batch.images, batch.targets)
        with nullcontext() if last else accelerator.no_sync(model):
            with accelerator.autocast():
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
        own = own + criterion.normalizers(prediction, [target.to(device) for target in batch.targets])
    # Processes average their gradients, so each divides by the mean.
    return mean_over_processes(own)
