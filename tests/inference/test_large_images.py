"""Label maps of large files, read in windows, equal those of the image in memory."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from segkit.classes import Classes
from segkit.data.image_rows import rows_of
from segkit.data.images import read_image
from segkit.data.padding import padded_size, stack_padded
from segkit.inference.large_images import label_map_in_windows
from segkit.inference.sliding_window import SlidingWindow
from segkit.postprocessors.semantic import Semantic
from segkit.types import ImageSizes, PixelPrediction


class Blurred(nn.Module):
    """Predicts three classes from the means of 4 x 4 cells."""

    size_divisor = 8

    def forward(self, images, sizes):
        return PixelPrediction(nn.functional.avg_pool2d(images.float(), 4))


@pytest.mark.parametrize("size", [(100, 70), (97, 33), (32, 32), (33, 200), (7, 9)])
@pytest.mark.parametrize("side", [8, 32, 48])
def test_equal_to_the_whole_image(size, side, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    file = tmp_path / "a.tif"
    Image.fromarray(pixels).save(file, tiffinfo={278: 8})
    model, postprocessor = SlidingWindow(Blurred(), side), Semantic(Classes.make(["red", "green", "blue"]))
    seen = []

    def predict(window, sizes):
        assert max(window.shape[-2:]) <= side
        seen.append(sizes)
        return model.model(window, [sizes.unpadded])

    found = label_map_in_windows(rows_of(file), model, predict, postprocessor, 3)
    padded = padded_size([size], 8)
    prediction = model(stack_padded([read_image(file)], padded), [size])
    (expected,) = postprocessor(prediction, [ImageSizes(padded, size, size)])
    assert found.dtype == torch.uint8
    assert torch.equal(found.long(), expected.label_map)
    assert len(seen) == len(model.spans(padded[0])) * len(model.spans(padded[1]))


@pytest.mark.parametrize(("classes", "dtype"), [(255, torch.uint8), (256, torch.int16), (40_000, torch.int32)])
def test_the_type_holds_all_classes(classes, dtype, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    model = SlidingWindow(Blurred(), 8)
    semantic = Semantic(Classes.make(["red", "green", "blue"]))
    found = label_map_in_windows(
        rows_of(tmp_path / "a.png"), model, lambda window, _: model.model(window, None), semantic, classes
    )
    assert found.dtype == dtype
