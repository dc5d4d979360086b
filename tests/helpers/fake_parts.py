"""Small parts in place of all others, so that messages that list parts stay the same as segkit grows."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from typing import Any, Literal
from unittest import mock

from segkit.registries import REGISTRIES


def tiny(
    *,
    name: str,
    pretrained: bool = False,
    width: float = 1.0,
    depths: tuple[int, int] = (1, 2),
    stages: list[int] | None = None,
    norm: Literal["batch", "layer"] = "batch",
    options: dict[str, Any] | None = None,
) -> None: ...


def plain(*, width: int = 1) -> None: ...


def fpn(features: Any, *, hidden_dim: int = 256) -> None: ...


def transformer_fpn(features: Any, *, hidden_dim: int = 256, num_layers: int = 6) -> None: ...


def standard(memory: Any, mask_dim: int, num_classes: int, *, num_queries: int = 100) -> None: ...


def mask_former(
    backbone: Any,
    pixel_decoder: Any,
    transformer_decoder: Any,
    num_classes: int,
    *,
    pixel_mean: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> None: ...


def per_pixel(backbone: Any, num_classes: int, transformer_decoder: Any = None) -> None: ...


def hungarian(*, class_cost: float = 1.0) -> None: ...


def dice() -> None: ...


def focal(*, alpha: float | Literal["auto"] = 0.25, class_weights: dict[str, float] | None = None) -> None: ...


def semantic(classes: Any) -> None: ...


def shapes(*, size: int | tuple[int, int] = 64, folder: str | None = None) -> None: ...


def flip(*, probability: float = 0.5) -> None: ...


def some_of(*, transforms: list[dict[str, Any]], count: int = 1) -> None: ...


def mean_iou(classes: Any) -> None: ...


def adamw(model: Any, *, learning_rate: float) -> None: ...


def poly(*, power: float = 0.9) -> None: ...


def ema(*, decay: float = 0.999) -> None: ...


def early_stopping(*, patience: int) -> None: ...


def foreign() -> None: ...


PARTS = {
    "backbone": (tiny, plain),
    "pixel_decoder": (fpn, transformer_fpn),
    "transformer_decoder": (standard,),
    "model": (mask_former, per_pixel),
    "matcher": (hungarian,),
    "loss": (dice, focal),
    "postprocessor": (semantic,),
    "dataset": (shapes,),
    "transform": (flip, some_of),
    "evaluator": (mean_iou,),
    "optimizer": (adamw,),
    "schedule": (poly,),
    "hook": (ema, early_stopping),
    "checkpoint_format": (foreign,),
}

CONFIG = """\
model:
  type: mask_former
  backbone: {type: tiny, name: small}
  pixel_decoder: {type: fpn}
  transformer_decoder: {type: standard, num_queries: 20}
criterion:
  matcher: {type: hungarian, class_cost: 2}
  losses:
    - {type: dice, weight: 5}
    - {type: focal, alpha: 0.3}
data:
  train:
    dataset: {type: shapes, size: [32, 48]}
    transforms: [{type: flip}]
    batch_size: 2
training:
  steps: 10
  optimizer: {type: adamw, learning_rate: 1e-4}
  schedule: {type: poly}
"""
"""A config of these parts, with nothing wrong."""


def keys_of(section: type) -> str:
    """The keys of a config's section, as messages list them."""
    return ", ".join(field.name for field in fields(section))


@contextmanager
def only_fake_parts() -> Iterator[None]:
    """Replaces the content of all registries by the parts above, which pass as segkit's own."""
    with ExitStack() as stack:
        for source in ("own_candidates", "declared_candidates"):
            stack.enter_context(mock.patch(f"segkit.registries.registry.{source}", return_value=()))
        for registry in REGISTRIES:
            stack.enter_context(registry.isolated())
            for part in PARTS[registry.kind]:
                part.__module__ = "segkit.fake_parts"
                registry.register(part.__name__)(part)
        yield
