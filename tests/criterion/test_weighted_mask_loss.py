"""Values and gradients of mask losses: plain, compiled, and where compilation fails."""

import os
import re
import subprocess
import sys
import warnings

import pytest
import torch
from torch._dynamo.utils import counters

from segkit.criterion.mask_losses import WeightedMaskLoss
from segkit.errors import RegistryError
from segkit.registries import LOSSES
from tests.helpers.criterion_cases import ScaledError

NOT_COMPILED = "criterion.compile: the mask losses cannot be compiled and run uncompiled from now on, which is slower: "


class Branching(torch.nn.Module):
    """Branches on values, which a compiler cannot know."""

    def forward(self, logits, targets, valid):
        return logits.square().mean(1) if logits.sum().item() > 0 else logits.abs().mean(1)


def losses(*more):
    return [LOSSES.get("focal")(), LOSSES.get("dice")(), *more]


def pixels(masks, count, void=False, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(masks, count, generator=generator) * 3
    valid = torch.rand(masks, count, generator=generator) > 0.3 if void else None
    return logits, (torch.rand(masks, count, generator=generator) > 0.5).float(), valid


def assert_equal(found, expected):
    scale = expected.abs().max().clamp(min=1e-12)
    assert ((found - expected).abs().max() / scale) < 1e-6


@pytest.fixture(scope="module")
def compiled():
    torch._dynamo.reset()
    return WeightedMaskLoss(losses(ScaledError()), [20.0, 1.0, 2.0], compiled=True)


@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize(("masks", "count"), [(1, 97), (2, 1024), (7, 500)])
def test_compiled_and_plain_agree_with_double_precision(compiled, masks, count, void):
    plain = WeightedMaskLoss(compiled.losses, compiled.weights)
    logits, targets, valid = pixels(masks, count, void)
    leaf = logits.double().requires_grad_()
    values = torch.stack([loss(leaf, targets.double(), valid) for loss in plain.losses])
    expected = torch.autograd.grad(
        (values.sum(1) * torch.tensor(plain.weights, dtype=torch.float64)).sum(),
        [leaf, *plain.parameters],
        materialize_grads=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for loss in (plain, compiled):
            found, gradient, by_parameter = loss.gradients(logits, targets, valid)
            assert_equal(found, values.detach())
            assert not found.requires_grad
            for one, other in zip([gradient, *by_parameter], expected, strict=True):
                assert_equal(one, other)
            assert len(by_parameter) == 2


def test_the_number_of_masks_and_of_pixels_does_not_recompile():
    torch._dynamo.reset()
    counters.clear()
    loss = WeightedMaskLoss(losses(), [20.0, 1.0], compiled=True)
    for masks in (3, 1, 2, 5, 9, 4, 17, 1, 30):
        for count in (64, 100, 1000):
            loss.gradients(*pixels(masks, count))
    assert counters["stats"]["unique_graphs"] <= 2  # one mask alone is a case of its own to the compiler


def test_a_loss_that_cannot_be_compiled_runs_uncompiled_with_one_warning():
    torch._dynamo.reset()
    loss = WeightedMaskLoss(losses(Branching()), [20.0, 1.0, 1.0], compiled=True)
    plain = WeightedMaskLoss(loss.losses, loss.weights)
    with pytest.warns(UserWarning, match="^criterion.compile: ") as caught:
        found = loss.gradients(*pixels(2, 50))
    (message,) = (str(one.message) for one in caught if "criterion.compile" in str(one.message))
    assert re.fullmatch(re.escape(NOT_COMPILED) + r"\w+: \S.*", message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = loss.gradients(*pixels(2, 50))
    for one, other, reference in zip(found[:2], again[:2], plain.gradients(*pixels(2, 50))[:2], strict=True):
        assert torch.equal(one, reference)
        assert torch.equal(other, reference)


SCRIPT = """
import warnings, torch
from segkit.criterion.mask_losses import WeightedMaskLoss
from segkit.errors import RegistryError
from segkit.registries import LOSSES
loss = WeightedMaskLoss([LOSSES.get("dice")()], [1.0], compiled=True)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(2):
        values, gradient, _ = loss.gradients(torch.zeros(2, 3), torch.ones(2, 3), None)
assert values.shape == (1, 2) and bool((gradient < 0).all())
print(*(str(one.message) for one in caught if "criterion" in str(one.message)), sep="\\n")
"""


def test_without_a_compiler_losses_run_uncompiled(tmp_path):
    environment = os.environ | {"CXX": "/nonexistent/c++", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    message = run.stdout.strip()
    assert re.fullmatch(re.escape(NOT_COMPILED) + r"\w+: .*No working C\+\+ compiler .*'/nonexistent/c\+\+'.*", message)


def test_an_error_of_a_loss_is_not_hidden():
    class Wrong(torch.nn.Module):
        def forward(self, logits, targets, valid):
            raise ValueError("the loss is wrong")

    torch._dynamo.reset()
    loss = WeightedMaskLoss([Wrong()], [1.0], compiled=True)
    with pytest.warns(UserWarning, match="criterion.compile"), pytest.raises(ValueError, match=r"^the loss is wrong$"):
        loss.gradients(*pixels(1, 10))


@pytest.mark.parametrize(
    ("returned", "found"),
    [
        (lambda logits: logits.mean(), "shape ()"),
        (lambda logits: logits, "shape (3, 8)"),
        (lambda logits: 1.0, "type float"),
    ],
)
def test_a_loss_that_does_not_return_a_value_per_mask_is_refused(returned, found):
    class Odd(torch.nn.Module):
        def forward(self, logits, targets, valid):
            return returned(logits)

    with pytest.raises(RegistryError) as caught:
        WeightedMaskLoss([Odd()], [1.0]).gradients(*pixels(3, 8))
    assert str(caught.value) == (
        f"mask loss Odd returns a value of {found} for 3 masks. Return one value per mask, a tensor of shape (M,) = "
        "(3,); segkit sums and normalizes them. Check the loss with segkit.testing.check_loss."
    )
