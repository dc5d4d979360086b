"""Costs of all pairs against the losses of each pair, whatever the chunk."""

import itertools

import pytest
import torch

from segkit.ops import mask_costs
from segkit.ops.mask_costs import class_costs
from segkit.registries import LOSSES


def reader(logits):
    """Reads logits (B,R,P)."""
    return lambda images, start, stop: logits[images, :, start:stop]


@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize("chunk", [1, 100, 350, 1 << 18])
@pytest.mark.parametrize("pixel_loss", ["focal", "binary_cross_entropy"])
def test_costs_are_the_losses_of_each_pair(void, chunk, pixel_loss, monkeypatch):
    monkeypatch.setattr(mask_costs, "CPU_CHUNK", chunk)
    torch.manual_seed(0)
    logits, masks = torch.randn(2, 5, 60) * 4, torch.rand(2, 3, 60) > 0.6
    valid = torch.rand(2, 60) > 0.3 if void else None
    pixels, dice = mask_costs.mask_costs(reader(logits), 5, masks, valid, pixel_loss)
    assert pixels.shape == dice.shape == (2, 3, 5)
    for costs, name in ((pixels, pixel_loss), (dice, "dice")):
        for image, segment in itertools.product(range(2), range(3)):
            counted = None if valid is None else valid[image].expand(5, -1)
            expected = LOSSES.get(name)()(logits[image], masks[image, segment].float().expand(5, -1), counted)
            torch.testing.assert_close(costs[image, segment], expected)


@pytest.mark.parametrize("pixel_loss", ["focal", "binary_cross_entropy"])
def test_logits_are_not_modified(pixel_loss):
    logits = torch.randn(1, 2, 10)
    before = logits.clone()
    mask_costs.mask_costs(reader(logits), 2, torch.rand(1, 3, 10) > 0.5, None, pixel_loss)
    assert torch.equal(logits, before)


def test_no_segment_and_no_valid_pixel():
    read = reader(torch.randn(3, 2, 10))
    focal, dice = mask_costs.mask_costs(read, 2, torch.zeros(3, 0, 10) > 0, None)
    assert focal.shape == dice.shape == (3, 0, 2)
    focal, dice = mask_costs.mask_costs(read, 2, torch.ones(3, 1, 10) > 0, torch.zeros(3, 10) > 0)
    assert focal.tolist() == dice.tolist() == [[[0, 0]]] * 3


def test_a_more_probable_class_costs_less():
    costs = class_costs(torch.tensor([[[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]]]), torch.tensor([[1, 0]]))
    torch.testing.assert_close(costs, torch.tensor([[[-1 / 3, -1 / 3], [-0.0001, -0.9998]]]), atol=1e-4, rtol=0)
