import pytest
import torch

from segkit.ops.argmax import largest_map


@pytest.mark.parametrize("count", [1, 2, 133, 300])
@pytest.mark.parametrize("scale", [1e-42, 1e-36, 1e-20, 1.0, 1e20, 1e38])
def test_as_argmax_at_any_scale(count, scale):
    maps = torch.randn(count, 17, 23, generator=torch.Generator().manual_seed(0)) * scale

    assert torch.equal(largest_map(maps), maps.argmax(0))


def test_the_first_of_equals():
    maps = torch.tensor([0.25, 0.5, 0.5, 0.125, 0.5])[:, None, None].expand(5, 2, 3)

    assert largest_map(maps).tolist() == [[1] * 3] * 2
    assert largest_map(torch.zeros(4, 1, 2)).tolist() == [[0, 0]]


def test_neighbouring_floats_are_told_apart():
    below = torch.tensor(0.5).nextafter(torch.tensor(0.0))
    maps = torch.stack([below, torch.tensor(0.5), below])[:, None, None]

    assert largest_map(maps).tolist() == [[1]]


@pytest.mark.parametrize("odd", [float("inf"), float("-inf"), float("nan")])
def test_what_is_not_finite(odd):
    maps = torch.randn(6, 4, 5, generator=torch.Generator().manual_seed(0))
    maps[2, 1, 1] = odd
    maps[:, 3, 3] = odd

    assert torch.equal(largest_map(maps), maps.argmax(0))


def test_vanishing_probabilities():
    """Where every mask is sure of its absence, the least sure still wins."""
    logits = -torch.arange(80.0, 103.0)[:, None, None].expand(23, 2, 2).flip(0)

    assert torch.equal(largest_map(logits.sigmoid()), logits.sigmoid().argmax(0))


def test_other_types():
    maps = torch.randn(6, 4, 5).bfloat16()

    assert torch.equal(largest_map(maps), maps.argmax(0))
