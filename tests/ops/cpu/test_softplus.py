"""Against torch's own, in double precision."""

import pytest
import torch

from segkit.ops.cpu.softplus import softplus


def test_it_is_exact_to_float_rounding():
    logits = torch.cat([torch.linspace(-110, 110, 2001), torch.randn(1000, generator=torch.Generator().manual_seed(0))])
    probs = logits.sigmoid()
    found = softplus(logits, probs, 1 - probs)
    expected = torch.nn.functional.softplus(logits.double())
    torch.testing.assert_close(found.double(), expected, atol=2e-7, rtol=2e-7)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="runs the plain line on a GPU")
def test_a_gpu_computes_the_same():
    logits = torch.linspace(-110, 110, 2001)
    probs = logits.sigmoid()
    expected = softplus(logits, probs, 1 - probs)
    found = softplus(logits.cuda(), probs.cuda(), 1 - probs.cuda())
    torch.testing.assert_close(found.cpu(), expected, atol=1e-6, rtol=1e-6)
