"""Upsampling and its adjoint against torch's interpolation and its gradient."""

import pytest
import torch
from torch.nn.functional import interpolate

from segkit.criterion.upsampling import make_upsampling

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
def test_values_and_gradients_are_torchs(source, output):
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
