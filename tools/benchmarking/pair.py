"""The models of both programs with equal weights, on equal inputs: forward pass and training step."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarking.case import Options, Workload
from benchmarking.equality import require_as_near, require_close
from benchmarking.inputs import drawn_image, drawn_targets, their_targets
from segkit.runtime.precision import Precision, autocast
from segkit.types import Size

Logits = tuple[Tensor, Tensor]
LOGITS = ("class logits", "mask logits")
LEARNING_RATE = 1e-6
"""Small enough that many steps hardly change the model."""


class ModelPair:
    """Two models with equal weights on the same drawn images of 512x512, with twelve segments each; two at first.

    Args:
        options: Device and size.
        model: segkit's.
        peer: transformers'.
        criterion: segkit's, as the peer computes its loss.
    """

    def __init__(self, options: Options, model: nn.Module, peer: Any, criterion: nn.Module) -> None:
        self.device, side = options.device, options.side(512)
        self.size: Size = (side, side)
        self.model: Any = model.to(self.device)
        self.peer: Any = peer.to(self.device)
        self.criterion: Any = criterion.to(self.device)
        self.draw(2)
        self.our_optimizer, self.their_optimizer = _optimizer(self.model), _optimizer(self.peer)

    def train(self, mode: bool = True) -> None:
        """Sets the mode of both models."""
        self.model.train(mode)
        self.peer.train(mode)

    def draw(self, images: int) -> None:
        """Draws another number of images."""
        self.images = torch.stack([drawn_image(self.size, seed) for seed in range(images)]).to(self.device)
        self.targets = drawn_targets(images, self.size, 12, self.device)
        self.values: Tensor = self.model.normalization(self.images)
        self.labels = their_targets(self.targets)

    def our_loss(self, precision: Precision) -> Tensor:
        with autocast(self.device, precision):
            total: Tensor = self.criterion(self.model(self.images), self.targets).total
        return total

    def their_loss(self, precision: Precision) -> Tensor:
        with autocast(self.device, precision):
            loss: Tensor = self.peer(self.values, **self.labels).loss
        return loss

    @torch.no_grad()
    def our_logits(self, precision: Precision) -> Logits:
        with autocast(self.device, precision):
            prediction = self.model(self.images)
            return prediction.class_logits, prediction.mask_logits

    @torch.no_grad()
    def their_logits(self, precision: Precision) -> Logits:
        with autocast(self.device, precision):
            answer = self.peer(self.values)
            return answer.class_queries_logits, answer.masks_queries_logits

    def check(self, precision: Precision) -> None:
        """Raises UnequalOutputs unless logits are equal in fp32, and in `precision` as near to it as the peer's."""
        exact = self.their_logits("fp32")
        for what, own, other in zip(LOGITS, self.our_logits("fp32"), exact, strict=True):
            require_close(what, own, other)
        if precision != "fp32":
            both = self.our_logits(precision), self.their_logits(precision)
            for what, own, other, expected in zip(LOGITS, *both, exact, strict=True):
                require_as_near(f"{what} in {precision}", own, other, expected)


def _optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, fused=True)  # as the trainers of both programs do


def named(precision: Precision, theirs: Precision = "fp32") -> str:
    """Returns how the table names the number formats of both programs."""
    if precision == theirs:
        return f"both {precision}" if precision != "fp32" else precision
    return f"{precision} to {theirs}"


def forward_pass(pair: ModelPair, title: str, precision: Precision) -> Workload:
    """Returns the work of one image to its logits. The peer runs in fp32, which is its default."""
    pair.train(False)
    pair.draw(1)
    side = pair.size[0]
    return Workload(
        f"forward, {title}, 1 x {side}x{side}, {named(precision)}",
        lambda: pair.our_logits(precision),
        lambda: pair.their_logits("fp32"),
        lambda: pair.check(precision),
        images=1,
        dtype=_dtype(precision),
    )


def training_step(pair: ModelPair, title: str, precision: Precision, their_precision: Precision = "fp32") -> Workload:
    """Returns the work of a step: forward pass, matching and losses of all layers, backward pass, AdamW."""
    pair.train()

    def step(loss: Callable[[Precision], Tensor], precision: Precision, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        loss(precision).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    side = pair.size[0]
    return Workload(
        f"training step, {title}, 2 x {side}x{side}, 12 masks each, {named(precision, their_precision)}",
        lambda: step(pair.our_loss, precision, pair.our_optimizer),
        lambda: step(pair.their_loss, their_precision, pair.their_optimizer),
        lambda: pair.check(precision),
        images=2,
        dtype=_dtype(precision),
    )


def _dtype(precision: Precision) -> torch.dtype:
    return torch.float32 if precision == "fp32" else torch.bfloat16
