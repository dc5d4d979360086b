"""Mask losses of the matched queries, computed and differentiated in chunks of masks.

A mask loss compares masks at full size, while the model predicts them at a quarter of the side. Keeping every upsampled
mask and its intermediate values for the backward pass would take most of a training step's memory and time. Therefore
each chunk is upsampled, compared and differentiated at once, and only the gradient of its small maps is kept.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from segkit.criterion.mask_pixels import AllPixels, PixelSource, RandomPoints
from segkit.errors import RegistryError, counted
from segkit.ops.derivatives import refuse_second_derivative
from segkit.ops.points import PointSampling
from segkit.ops.target_batch import ChosenSegments, TargetBatch
from segkit.registries.losses import MaskLoss
from segkit.runtime.compilation import warn_uncompiled
from segkit.types import Target

CPU_CHUNK = 1 << 20
"""Approximate number of pixels or points of one chunk on a CPU: 4 MiB of float32 per tensor. With less, the time to
launch operations counts; with more, the few tensors of a loss leave the cache. Chunks of half the size take 1.05 of the
time of matching and all losses on an AMD EPYC with 32 MiB of cache."""
GPU_CHUNK = 1 << 26
"""The same on a GPU, where launching a kernel costs more than a pass over memory: 256 MiB of float32 per tensor, at
which a step of 16 images of 512 x 512 pixels launches 1.15 times the operations of a step of 2."""

MaskLossFunction = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(logits (M,P), targets (M,P), valid (M,P) | None) -> (losses,M)."""


class WeightedMaskLoss:
    """Several mask losses, the gradient of their weighted sum, and optional compilation.

    Args:
        losses: `(logits (M,P), targets (M,P), valid (M,P) | None) -> (M,)`, with or without trainable parameters.
        weights: The factor of each loss in the sum.
        compiled: Fuse the losses and their gradient with `torch.compile` at the first call. If that fails, a warning
            names the cause and the losses run uncompiled.

    Example:
        >>> from segkit.losses.dice import Dice
        >>> loss = WeightedMaskLoss([Dice()], weights=[2.0])
        >>> values, gradient, _ = loss.gradients(torch.zeros(1, 4), torch.ones(1, 4), None)
        >>> values.shape, gradient.shape, bool((gradient < 0).all())
        (torch.Size([1, 1]), torch.Size([1, 4]), True)
    """

    def __init__(self, losses: Sequence[MaskLoss], weights: Sequence[float], compiled: bool = False) -> None:
        self.losses = list(losses)
        self.weights = list(weights)
        self._weights: Tensor | None = None
        self._compiled: MaskLossFunction | None = None
        if compiled:
            self._compiled = torch.compile(self.values, fullgraph=True)

    @property
    def parameters(self) -> list[Tensor]:
        """The trainable parameters of the losses."""
        modules = [loss for loss in self.losses if isinstance(loss, nn.Module)]
        return [parameter for module in modules for parameter in module.parameters() if parameter.requires_grad]

    def values(self, logits: Tensor, targets: Tensor, valid: Tensor | None) -> Tensor:
        """Returns the unweighted value of each loss for each mask, (losses,M)."""
        return torch.stack([_checked(loss(logits, targets, valid), loss, len(logits)) for loss in self.losses])

    def weighted_sum(self, values: Tensor) -> Tensor:
        """Sums (losses,M) over masks and, weighted, over losses; returns a scalar."""
        return (self._weights_on(values.device) * values.sum(1)).sum()

    def _weights_on(self, device: torch.device) -> Tensor:
        """Returns the weights (losses,), copied to a device once."""
        if self._weights is None or self._weights.device != device:
            self._weights = torch.tensor(self.weights, device=device)
        return self._weights

    def gradients(self, logits: Tensor, targets: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Computes all losses and the gradient of their weighted sum.

        Returns:
            The values (losses,M), the gradient (M,P) of the logits, and that of each of `parameters`.
        """
        leaf = logits.detach().requires_grad_()
        if self._compiled is not None:
            try:
                _mark_dynamic(leaf, targets, valid)
                return self._differentiate(self._compiled, leaf, targets, valid)
            except Exception as error:  # a compiler can fail in any way; training must go on without it
                self._compiled = None
                warn_uncompiled(
                    "criterion.compile: the mask losses cannot be compiled and run uncompiled from now on, which is "
                    "slower",
                    error,
                    stacklevel=3,
                )
        return self._differentiate(self.values, leaf, targets, valid)

    def _differentiate(
        self, function: MaskLossFunction, leaf: Tensor, targets: Tensor, valid: Tensor | None
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        with torch.enable_grad():
            values = function(leaf, targets, valid)
        weights = self._weights_on(values.device)[:, None].expand_as(values)
        # The gradient of `weighted_sum`. Parameters that a loss does not use get one of zeros instead of None.
        gradient, *by_parameter = torch.autograd.grad(values, [leaf, *self.parameters], weights, materialize_grads=True)
        return values.detach(), gradient, by_parameter


def _checked(values: Tensor, loss: MaskLoss, num_masks: int) -> Tensor:
    """Returns what a loss returned, if it is one value per mask. A mean over masks would train at a wrong scale."""
    if not isinstance(values, Tensor) or values.shape != (num_masks,):
        found = f"shape {tuple(values.shape)}" if isinstance(values, Tensor) else f"type {type(values).__name__}"
        raise RegistryError(
            f"mask loss {type(loss).__name__} returns a value of {found} for {counted(num_masks, 'mask')}. Return one "
            "value per "
            f"mask, a tensor of shape (M,) = ({num_masks},); segkit sums and normalizes them. Check the loss with "
            "segkit.testing.check_loss."
        )
    return values


def _mark_dynamic(*tensors: Tensor | None) -> None:
    """Marks both dimensions dynamic: the numbers of masks and pixels change in every step and must not recompile."""
    for tensor in tensors:
        if tensor is not None:
            torch._dynamo.maybe_mark_dynamic(tensor, [0, 1])


class EagerGradient(torch.autograd.Function):
    """(mask maps (R,h,w), loss parameters) -> weighted sum of all losses, their values (losses,M), the sum's gradients.

    The gradients are computed in the forward pass, while the full-size masks of a chunk exist. The backward pass only
    multiplies them by the gradient of the sum. The values carry no gradient; those of the gradients are refused.
    """

    @staticmethod
    def forward(
        ctx: Any,
        pixel_source: PixelSource,
        segments: ChosenSegments,
        map_of: Tensor,
        loss: WeightedMaskLoss,
        differentiate: bool,
        maps: Tensor,
        *parameters: Tensor,
    ) -> tuple[Tensor, ...]:
        maps_gradient = torch.zeros_like(maps)
        parameter_gradients = [torch.zeros_like(parameter) for parameter in parameters]
        values = torch.zeros(len(loss.losses), len(segments), device=maps.device)
        with torch.autocast(maps.device.type, enabled=False):  # sums over pixels need float32
            # Grad mode is always off in here, so the caller tells whether a gradient is needed.
            for rows in _chunks(len(segments), pixel_source.memory_per_mask, maps.device):
                chosen = map_of[rows]
                pixels = pixel_source(maps[chosen], segments[rows])
                if not differentiate:
                    values[:, rows] = loss.values(pixels.logits, pixels.targets, pixels.valid)
                    continue
                values[:, rows], gradient, by_parameter = loss.gradients(pixels.logits, pixels.targets, pixels.valid)
                maps_gradient[chosen] = pixels.to_maps(gradient)
                for total, part in zip(parameter_gradients, by_parameter, strict=True):
                    total += part
        ctx.save_for_backward(maps_gradient, *parameter_gradients)
        ctx.mark_non_differentiable(values)
        ctx.set_materialize_grads(False)
        return loss.weighted_sum(values), values, maps_gradient, *parameter_gradients

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None, _: None, *second: Tensor | None) -> tuple[Tensor | None, ...]:
        refuse_second_derivative(*second)
        if gradient is None:  # autograd may leave it undefined
            return (None,) * len(ctx.needs_input_grad)
        return None, None, None, None, None, *(gradient * saved for saved in ctx.saved_tensors)


def _chunks(num_masks: int, memory_per_mask: int, device: torch.device) -> Iterator[slice]:
    """Yields ranges of masks that together stay within the chunk size of the device, one mask at least."""
    step = max(1, (CPU_CHUNK if device.type == "cpu" else GPU_CHUNK) // memory_per_mask)
    for start in range(0, num_masks, step):
        yield slice(start, start + step)


def matched_mask_losses(
    maps: Tensor,
    map_of: Tensor,
    targets: Sequence[Target],
    segments: ChosenSegments,
    loss: WeightedMaskLoss,
    points: PointSampling | None = None,
) -> tuple[Tensor, Tensor]:
    """Computes all mask losses of the matched masks of a batch.

    Args:
        maps: Mask logits (R,h,w) float32.
        map_of: The map (M,) int64 of each matched mask, each map at most once.
        targets: The segments of the images, all of one size, on the same device.
        segments: The segment that each of the M masks is compared with.
        loss: The losses and their weights.
        points: Compare each mask at random points; None = at every pixel.

    Returns:
        The weighted sum over all masks, a scalar whose gradient reaches `maps` and the losses' parameters also where no
        image has a segment; and the unweighted values (losses,M) of all masks in order, without gradient.
    """
    batch, size = TargetBatch.collect(targets), targets[0].size
    pixel_source: PixelSource
    if points is None:
        pixel_source = AllPixels(batch, size, (int(maps.shape[-2]), int(maps.shape[-1])))
    else:
        pixel_source = RandomPoints(batch, size, points)
    total, values, *_ = EagerGradient.apply(
        pixel_source, segments, map_of, loss, torch.is_grad_enabled(), maps, *loss.parameters
    )
    return total, values
