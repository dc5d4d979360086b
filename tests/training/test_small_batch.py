"""The smallest batch of a training: which images decide, and that the try leaves nothing behind."""

import pytest
import torch
from torch import nn

from segkit.datasets.shapes import Shapes
from segkit.errors import DataError
from segkit.training.small_batch import SmallBatch


class Normed(nn.Module):
    """A batch norm on a map of 1/32 and a number drawn, as models have them."""

    size_divisor = 32

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.calls = []

    def forward(self, images, sizes):
        self.calls.append((tuple(images.shape), self.training, float(torch.rand(()))))
        return self.norm(images[:, :, ::32, ::32].float())


def batch_of(batch_size, *sides):
    batch = SmallBatch(batch_size, size_divisor=32)
    for side in sides:
        batch.add(Shapes(size=(side, side))[0])
    return batch


@pytest.mark.parametrize(
    ("batch_size", "sides", "shape"),
    [(1, (96, 40, 64), (1, 3, 64, 64)), (2, (40, 96, 64), (2, 3, 96, 96)), (2, (32, 32), (2, 3, 32, 32))],
)
def test_the_batch_that_is_tried(batch_size, sides, shape):
    model = Normed()
    before, state = model.norm.running_mean.clone(), torch.get_rng_state()
    batch_of(batch_size, *sides).try_on(model)
    assert [call[:2] for call in model.calls] == [(shape, True)]
    assert torch.equal(model.norm.running_mean, before)
    assert model.norm.num_batches_tracked == 0
    assert torch.equal(torch.get_rng_state(), state)


def test_a_batch_that_is_too_small():
    model = Normed()
    with pytest.raises(DataError, match=r"^data\.train: shapes_0_00000 \(32x32\): too small for the model\."):
        batch_of(1, 64, 32).try_on(model)
    assert model.norm.num_batches_tracked == 0


def test_nothing_is_tried_without_images_or_with_large_ones():
    model = Normed()
    batch_of(1).try_on(model)
    batch_of(1, 150).try_on(model)
    assert model.calls == []
