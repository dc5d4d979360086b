import pytest
import torch
from PIL import Image
from transformers.image_transforms import get_size_with_aspect_ratio

from segkit.data.image_source import to_image
from segkit.errors import ConfigError
from segkit.ops.targets import pixel_counts
from segkit.transforms.resize_shortest_edge import ResizeShortestEdge
from segkit.types import Sample, Target


def of_size(height, width):
    return Sample(torch.zeros(3, height, width, dtype=torch.uint8), None, "a.png", "a")


@pytest.mark.parametrize(
    ("size", "settings", "expected"),
    [
        ((480, 640), {"sizes": 240}, (240, 320)),
        ((640, 480), {"sizes": 240}, (320, 240)),
        ((480, 640), {"sizes": 800, "max_size": 1000}, (750, 1000)),
        ((427, 640), {"sizes": [512]}, (512, 767)),
        ((1, 1000), {"sizes": 8, "max_size": 100}, (1, 100)),
        ((48, 64), {"sizes": 48}, (48, 64)),
        ((427, 640), {"sizes": 512, "rounding": "down"}, (512, 767)),
        ((426, 640), {"sizes": 512}, (512, 769)),
        ((426, 640), {"sizes": 512, "rounding": "down"}, (512, 769)),
        ((375, 500), {"sizes": 200, "rounding": "down"}, (200, 266)),
        ((375, 500), {"sizes": 200}, (200, 267)),
        ((500, 375), {"sizes": 200, "rounding": "down"}, (266, 200)),
        ((375, 500), {"sizes": 200, "size_divisor": 32}, (224, 288)),
        ((375, 500), {"sizes": 200, "size_divisor": 32, "rounding": "down"}, (224, 288)),
        ((480, 640), {"sizes": 800, "max_size": 1000, "size_divisor": 32}, (768, 1024)),
        ((64, 96), {"sizes": 64, "size_divisor": 32}, (64, 96)),
        ((1, 1000), {"sizes": 8, "max_size": 100, "rounding": "down"}, (1, 100)),
    ],
)
def test_sizes(size, settings, expected):
    assert ResizeShortestEdge(**settings)(of_size(*size)).size == expected


def test_rounding_down_makes_the_sizes_of_transformers():
    """Including the sizes that its floating-point arithmetic makes one pixel shorter than `max_size`."""
    generator = torch.Generator().manual_seed(0)
    resize = ResizeShortestEdge(sizes=800, max_size=1333, rounding="down")
    short = 0
    for height, width in torch.randint(50, 1500, (300, 2), generator=generator).tolist():
        expected = get_size_with_aspect_ratio((height, width), 800, 1333)
        assert resize.size_of((height, width), 800) == expected
        short += max(expected) == 1332
    assert short > 0


def test_the_size_is_drawn_from_the_list():
    torch.manual_seed(0)
    resize = ResizeShortestEdge(sizes=[8, 12, 16])
    assert {resize(of_size(32, 32)).size[0] for _ in range(50)} == {8, 12, 16}


@pytest.mark.parametrize("size", [24, 33, 48, 100, 144])
def test_a_border_stays_where_it_is(size):
    """A step in the image, sharp or blurred, crosses the middle value where the target has its border."""
    segments = torch.zeros(48, 64, dtype=torch.int16)
    segments[:, 27:] = 1
    image = (segments * 255).to(torch.uint8).repeat(3, 1, 1)
    resized = ResizeShortestEdge(sizes=size)(Sample(image, Target(torch.tensor([0, 1]), segments), "a.png", "a"))
    assert resized.target.segment_map.dtype == torch.int16
    assert torch.equal(resized.image[0] > 127, resized.target.segment_map == 1)


@pytest.mark.parametrize("size", [(40, 1), (1, 40), (7, 1), (3, 2), (1, 1)])
def test_narrow_images_are_resized_correctly(size):
    torch.manual_seed(0)
    image = torch.randint(0, 256, (3, *size), dtype=torch.uint8)
    resized = ResizeShortestEdge(sizes=1, max_size=5)(Sample(image, None, "a.png", "a"))
    pillow = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
    exact = to_image(pillow.resize(resized.size[::-1], Image.Resampling.BILINEAR))
    assert (resized.image.int() - exact.int()).abs().max() <= 1


def test_void_moves_along_and_areas_are_dropped(sample):
    target = ResizeShortestEdge(sizes=96)(sample).target
    assert torch.equal(target.valid, target.segment_map >= 0)
    assert int((~target.valid).sum()) == 4 * int((~sample.target.valid).sum())
    assert target.areas is None


def test_overlapping_masks_are_resized(overlapping):
    resized = ResizeShortestEdge(sizes=16)(overlapping)
    assert resized.target.masks.shape == (2, 16, 24)
    assert pixel_counts(resized.target).tolist() == [4 * 56, 4 * 48]


def test_a_sample_without_target_stays_without(sample):
    assert ResizeShortestEdge(sizes=24)(of_size(48, 64)).target is None


def test_no_sizes():
    with pytest.raises(ConfigError) as caught:
        ResizeShortestEdge(sizes=[])
    assert str(caught.value) == ("transform 'resize_shortest_edge': sizes: the list is empty. Give at least one size.")
