"""Inputs that a `forward` may name: the sizes of the images, and their targets in training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from segkit.registries.signature import named_inputs
from segkit.testing._common import difference, trying
from segkit.testing._modules import Outputs, check_parameter_gradients
from segkit.testing._predictions import check_matches, check_prediction, outputs_of
from segkit.testing._samples import halves, no_segment
from segkit.types import Prediction, Size, Target


def check_sizes(who: str, module: nn.Module, size: Size, outputs: Callable[..., Outputs]) -> None:
    """Checks a part that names `sizes`, on two images of `size`; `outputs(sizes=…)` calls it in eval mode."""
    if "sizes" not in named_inputs(module):
        return
    padded = [(size[0] - size[0] // 3, size[1]), (size[0], size[1] - size[1] // 3)]
    with torch.no_grad(), trying(who, "with sizes of padded images"):
        found = outputs(sizes=padded)
    for name, output in found.items():
        assert output.isfinite().all(), (
            f"{who} returns {name} with nan or infinite values for padded images. Return finite values."
        )
    with torch.no_grad():
        whole, plain = outputs(sizes=[size, size]), outputs(sizes=None)
    for name, output in whole.items():
        apart = difference(output, plain[name])
        assert not apart, (
            f"{who} returns different {name} for sizes=None and for images without padding, by up to {apart:.3g}. "
            "Without sizes, no image is padded."
        )


def check_deferred(who: str, plain: Callable[[], Outputs], deferred: Callable[[], Outputs]) -> None:
    """Checks that a part computes with deferred mask features in eval mode what it computes with plain ones."""
    with torch.no_grad(), trying(who, "with deferred mask features"):
        expected, found = plain(), deferred()
    for name, output in found.items():
        apart = difference(output, expected[name])
        assert not apart, (
            f"{who} returns different {name} with deferred mask features, by up to {apart:.3g}. A pixel decoder defers "
            "its last operation alone, and a transformer decoder hands them on."
        )


def example_targets(size: Size, num_classes: int) -> list[Target]:
    """Returns the targets of two images, one without a segment."""
    return [halves(size, (0, num_classes - 1)), no_segment(size)]


def training_inputs(module: nn.Module, size: Size, num_classes: int) -> dict[str, Any]:
    """Returns the targets of two images where a part in training names them."""
    named = module.training and "targets" in named_inputs(module)
    return {"targets": example_targets(size, num_classes)} if named else {}


def check_targets(who: str, module: nn.Module, size: Size, num_classes: int, call: Callable[..., object]) -> None:
    """Checks a part that names `targets`; `call(targets=…)` calls it on two images. Leaves it in eval mode."""
    if "targets" not in named_inputs(module):
        return
    module.train()
    some, none = example_targets(size, num_classes), [no_segment(size), no_segment(size)]
    numbers = []
    for targets, words in ((some, "with targets"), (none, "with targets without a segment")):
        with trying(who, f"in training {words}"):
            prediction = call(targets=targets)
        check_prediction(who, prediction, num_classes, None)
        assert isinstance(prediction, Prediction)
        check_matches(who, prediction, targets)
        numbers.append(len(prediction.layers))
        total = torch.stack([(one.float() * torch.randn(one.shape)).sum() for one in outputs_of(prediction).values()])
        check_parameter_gradients(f"{who} {words}", module, total.sum())
    assert numbers[0] == numbers[1], (
        f"{who} returns {numbers[0]} layers for images with segments, and {numbers[1]} where no image has one. Return "
        "as many, with 0 queries where there is nothing to make them of: losses of several processes are added up."
    )
    with trying(who, "in training without targets"):
        call(targets=None)
    module.eval()
