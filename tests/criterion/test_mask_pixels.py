"""Pixels and points of masks; upsampling and its adjoint against torch's interpolation and its gradient."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from segkit.criterion.mask_pixels import AllPixels, MatrixUpsampling, PhaseUpsampling, RandomPoints, make_upsampling
from segkit.ops.points import PointSampling
from segkit.ops.target_batch import ChosenSegments, TargetBatch
from segkit.types import Target

SIZES = [
    ((5, 7), (20, 28)),
    ((5, 7), (15, 14)),
    ((6, 4), (48, 4)),
    ((4, 4), (4, 4)),
    ((1, 1), (4, 6)),
    ((1, 3), (5, 3)),
    ((10, 12), (37, 50)),
    ((8, 8), (32, 33)),
    ((10, 12), (7, 24)),
]


@pytest.mark.parametrize(("source", "output"), SIZES)
def test_upsampling_agrees_with_torch_in_values_and_gradients(source, output):
    torch.manual_seed(0)
    maps = torch.randn(3, *source, requires_grad=True)
    expected = interpolate(maps[:, None], size=output, mode="bilinear", align_corners=False)[:, 0]
    upsampling = make_upsampling(source, output, maps.device)
    pixels = upsampling(maps.detach())
    torch.testing.assert_close(pixels, upsampling.arrange(expected.detach()))
    gradient = torch.randn_like(pixels)
    (of_maps,) = torch.autograd.grad(upsampling.arrange(expected), maps, gradient)
    torch.testing.assert_close(upsampling.adjoint(gradient), of_maps)


@pytest.mark.parametrize(("source", "output"), SIZES)
def test_every_pixel_has_its_place(source, output):
    numbers = torch.arange(output[0] * output[1]).view(output)
    arranged = make_upsampling(source, output, torch.device("cpu")).arrange(numbers)
    assert sorted(arranged.tolist()) == numbers.flatten().tolist()


def test_a_pixel_between_two():
    """Sides twice as long: the first quarter of a pixel leans on the one before, at the border on itself."""
    upsampling = make_upsampling((1, 2), (1, 4), torch.device("cpu"))
    pixels = upsampling(torch.tensor([[[0.0, 4.0]]]))
    in_order = upsampling.arrange(torch.arange(4).view(1, 4)).argsort()
    assert pixels[0, in_order].tolist() == [0, 1, 3, 4]


def test_whole_factors_are_upsampled_by_phase():
    device = torch.device("cpu")
    assert isinstance(make_upsampling((5, 7), (20, 28), device), PhaseUpsampling)
    assert isinstance(make_upsampling((5, 7), (20, 27), device), MatrixUpsampling)


def make_target(overlapping, void):
    generator = torch.Generator().manual_seed(0)
    labels, valid = torch.tensor([0, 1, 1]), torch.rand(8, 12, generator=generator) > 0.3 if void else None
    if overlapping:
        return Target(labels, overlapping_masks=torch.rand(3, 8, 12, generator=generator) > 0.5, valid=valid)
    segment_map = torch.randint(-1, 3, (8, 12), generator=generator, dtype=torch.int16)
    return Target(labels, segment_map, valid=valid)


def chosen(index):
    """These segments of the first image."""
    return ChosenSegments(torch.zeros_like(index), index, index, np.zeros(len(index), dtype=np.int64))


@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize("overlapping", [False, True])
def test_all_pixels_hold_each_pixel_once_in_one_order(overlapping, void):
    target, segments = make_target(overlapping, void), torch.tensor([2, 0])
    source = AllPixels(TargetBatch.collect([target]), (8, 12), (4, 6))
    pixels = source(torch.randn(2, 4, 6), chosen(segments))
    order = source.upsampling.arrange(torch.arange(8 * 12).view(8, 12)).argsort()
    assert source.memory_per_mask == 8 * 12
    assert torch.equal(pixels.targets[:, order], target.masks[segments].flatten(1).float())
    if void:
        assert torch.equal(pixels.valid[:, order], target.valid.flatten().expand(2, -1))
    else:
        assert pixels.valid is None


@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize("overlapping", [False, True])
def test_points_take_the_target_of_the_pixel_below_them(overlapping, void):
    target, segments = make_target(overlapping, void), torch.tensor([2, 0])
    maps = torch.randn(2, 4, 6)
    torch.manual_seed(0)
    source = RandomPoints(TargetBatch.collect([target]), (8, 12), PointSampling(500, 1.0, 0.0))
    pixels = source(maps, chosen(segments))
    assert pixels.logits.shape == (2, 500)
    assert not pixels.logits.requires_grad
    fractions = target.masks[segments].flatten(1).float().mean(1)
    torch.testing.assert_close(pixels.targets.mean(1), fractions, atol=0.08, rtol=0)
    if void:
        torch.testing.assert_close(pixels.valid.float().mean(), target.valid.float().mean(), atol=0.08, rtol=0)
    else:
        assert pixels.valid is None


def test_the_gradient_of_points_reaches_the_pixels_around_them():
    source = RandomPoints(TargetBatch.collect([make_target(False, False)]), (8, 12), PointSampling(50, 1.0, 0.0))
    pixels = source(torch.randn(2, 4, 6), chosen(torch.tensor([0, 1])))
    gradient = pixels.to_maps(torch.ones(2, 50))
    assert gradient.shape == (2, 4, 6)
    torch.testing.assert_close(gradient.sum((1, 2)), torch.full((2,), 50.0))  # the weights of a point add up to 1
