"""Large images through windows."""

import math

import pytest
import torch
from torch import nn

from segkit.errors import ConfigError
from segkit.inference.sliding_window import SlidingWindow, class_maps
from segkit.types import PixelPrediction, Prediction


class Local(nn.Module):
    """Predicts a 4 x 4 cell by its mean red and green, so that windows must agree with the whole."""

    size_divisor = 8

    def __init__(self):
        super().__init__()
        self.calls = []

    def forward(self, images, sizes):
        self.calls.append((tuple(images.shape[-2:]), sizes))
        return PixelPrediction(nn.functional.avg_pool2d(images[:, :2].float(), 4))


@pytest.mark.parametrize("size", [(64, 64), (32, 32), (8, 200), (104, 72), (40, 136)])
def test_windows_predict_what_the_whole_image_does(size):
    images = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8)
    model = Local()
    whole = model(images, None).pixel_logits
    assert torch.allclose(SlidingWindow(model, 32)(images).pixel_logits, whole, atol=1e-4)


def test_windows_cover_the_image_and_overlap():
    model = Local()
    spans = SlidingWindow(model, 32).spans(104)
    assert [(span.start, span.stop) for span in spans] == [(0, 32), (24, 56), (48, 80), (72, 104)]
    assert [(span.start, span.stop) for span in SlidingWindow(model, 32).spans(24)] == [(0, 24)]


def test_overlapping_windows_are_averaged():
    class Counting(nn.Module):
        """Gives every pixel the number of windows that came before."""

        size_divisor = 8
        calls = -1

        def forward(self, images, sizes):
            self.calls += 1
            return PixelPrediction(torch.full((1, 1, images.shape[-2] // 4, images.shape[-1] // 4), float(self.calls)))

    maps = SlidingWindow(Counting(), 16)(torch.zeros(1, 3, 16, 24, dtype=torch.uint8)).pixel_logits
    # Within a window, the weights of the four columns are exp(-4.5), exp(-0.5), exp(-0.5), exp(-4.5).
    nearer = 1 / (1 + math.exp(-4))
    assert maps[0, 0, 0].tolist() == pytest.approx([0, 0, 1 - nearer, nearer, 1, 1])


def test_each_window_knows_its_part_of_the_image():
    model = Local()
    SlidingWindow(model, 16)(torch.zeros(1, 3, 16, 40, dtype=torch.uint8), [(9, 21)])
    assert [sizes for _, sizes in model.calls] == [[(9, 16)], [(9, 13)], [(9, 5)], [(9, 0)]]


def test_class_maps_of_queries_are_those_of_semantic_inference():
    class_logits = torch.randn(1, 3, 5)
    masks = torch.randn(1, 3, 2, 2)
    maps = class_maps(Prediction(class_logits, dense_mask_logits=masks))
    expected = sum(class_logits.softmax(-1)[0, query, :4, None, None] * masks[0, query].sigmoid() for query in range(3))
    assert torch.allclose(maps[0], expected, atol=1e-6)


@pytest.mark.parametrize("side", [0, 4, 20])
def test_a_side_that_does_not_suit_the_model(side):
    with pytest.raises(ConfigError) as caught:
        SlidingWindow(Local(), side)
    assert str(caught.value) == f"window: must be a multiple of 8 pixels for this model, not {side}."
