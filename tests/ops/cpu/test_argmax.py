import pytest
import torch

from segkit.ops.cpu.argmax import largest_


def assert_as_max(maps):
    values, index = maps.amax(0), maps.argmax(0)
    best, found = largest_(maps.clone())
    assert torch.equal(found, index)
    torch.testing.assert_close(best, values, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("count", [1, 2, 133, 300])
@pytest.mark.parametrize("scale", [1e-42, 1e-36, 1e-20, 1.0, 1e20, 1e38])
def test_as_max_at_any_scale(count, scale):
    assert_as_max(torch.randn(count, 17, 23, generator=torch.Generator().manual_seed(0)) * scale)


def test_the_first_of_equals():
    maps = torch.tensor([0.25, 0.5, 0.5, 0.125, 0.5])[:, None, None].repeat(1, 2, 3)

    best, index = largest_(maps)

    assert index.tolist() == [[1] * 3] * 2
    assert best.tolist() == [[0.5] * 3] * 2
    assert largest_(torch.zeros(4, 1, 2))[1].tolist() == [[0, 0]]


@pytest.mark.parametrize("value", [0.5, 1e-20, -1e-20, 3e38, -7.0])
def test_neighboring_floats_are_distinguished(value):
    below = torch.tensor(value).nextafter(torch.tensor(-torch.inf))

    assert largest_(torch.stack([below, torch.tensor(value), below])[:, None, None])[1].tolist() == [[1]]


@pytest.mark.parametrize("odd", [float("inf"), float("-inf"), float("nan")])
def test_values_that_are_not_finite(odd):
    maps = torch.randn(6, 4, 5, generator=torch.Generator().manual_seed(0))
    maps[2, 1, 1] = odd
    maps[:, 3, 3] = odd

    assert_as_max(maps)


def test_vanishing_probabilities():
    """Where all probabilities are nearly 0, the largest one still wins."""
    assert_as_max((-torch.arange(80.0, 103.0)[:, None, None].expand(23, 2, 2).flip(0)).sigmoid())


def test_other_types():
    assert_as_max(torch.randn(6, 4, 5).bfloat16())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="runs the plain line on a GPU")
def test_a_gpu_finds_the_same():
    maps = torch.randn(20, 17, 23, generator=torch.Generator().manual_seed(0))
    best, index = largest_(maps.clone())
    gpu_best, gpu_index = largest_(maps.cuda())
    assert torch.equal(gpu_index.cpu(), index)
    assert torch.equal(gpu_best.cpu(), best)
