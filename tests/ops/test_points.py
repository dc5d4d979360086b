"""Random points: where they lie, which are chosen, and the values there."""

import torch
from torch.nn.functional import interpolate

from segkit.ops.points import (
    PointSampling,
    pixels_of,
    sample_channels,
    sample_maps,
    uncertain_points,
    uniform_points,
)


def centers(height, width):
    """(height * width, 2): the center of every pixel, by rows."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([(columns + 0.5) / width, (rows + 0.5) / height], dim=-1).flatten(0, 1)


def test_at_pixel_centers_values_are_those_of_upsampling():
    torch.manual_seed(0)
    maps = torch.randn(3, 6, 5)
    points = centers(24, 15)
    expected = interpolate(maps[:, None], size=(24, 15), mode="bilinear", align_corners=False).flatten(1)
    torch.testing.assert_close(sample_maps(maps, points.expand(3, -1, -1)), expected)
    images = torch.stack([maps, maps.flip(2)])
    sampled = sample_channels(images, torch.stack([points, points]))
    expected_of_both = interpolate(images, size=(24, 15), mode="bilinear", align_corners=False).flatten(2)
    torch.testing.assert_close(sampled, expected_of_both)


def test_the_pixel_of_a_point():
    assert pixels_of(centers(4, 3), (4, 3)).tolist() == list(range(12))
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.999, 1.0]])
    assert pixels_of(corners, (2, 10)).tolist() == [0, 9, 19]


def test_uniform_points_cover_the_image_and_follow_the_seed():
    torch.manual_seed(3)
    points = uniform_points(2, 4000, torch.device("cpu"))
    counts = torch.bincount(pixels_of(points, (2, 2)).flatten(), minlength=4)
    assert counts.min() > 1850
    torch.manual_seed(3)
    assert torch.equal(points, uniform_points(2, 4000, torch.device("cpu")))


def test_uncertain_points_lie_where_logits_are_near_zero():
    """Logits change sign at the middle column: three quarters of the points lie there, the others anywhere."""
    maps = torch.linspace(-10, 10, 64).expand(2, 64, 64).contiguous()
    torch.manual_seed(0)
    points = uncertain_points(maps, PointSampling(count=400, oversample_ratio=4, importance_ratio=0.75))
    assert points.shape == (2, 400, 2)
    distance = (points[..., 0] - 0.5).abs()
    assert (distance[:, :300] < 0.12).all()  # 300 of 1600 candidates: about 0.09 to each side
    assert (distance[:, 300:] > 0.25).float().mean() > 0.35


def test_all_uniform_or_all_uncertain():
    maps = torch.randn(1, 8, 8)
    for ratio in (0.0, 1.0):
        assert uncertain_points(maps, PointSampling(50, 1.0, ratio)).shape == (1, 50, 2)


def test_candidates_are_never_fewer_than_points():
    assert PointSampling(3, oversample_ratio=1.0).candidates == 3
    assert PointSampling(10, oversample_ratio=2.55).candidates == 25
