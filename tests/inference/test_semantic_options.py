from types import SimpleNamespace

import pytest
import torch
from torch import nn

from segkit.errors import ConfigError
from segkit.inference.augmentation import Augmented
from segkit.inference.semantic_options import with_options
from segkit.inference.sliding_window import SlidingWindow
from segkit.types import InstanceResult, PixelPrediction, SemanticResult

SEMANTIC = {"semantic": SimpleNamespace(result_type=SemanticResult)}
INSTANCE = {"instance": SimpleNamespace(result_type=InstanceResult)}


class Brightness(nn.Module):
    size_divisor = 8

    def forward(self, images, sizes=None):
        return PixelPrediction(nn.functional.avg_pool2d(images[:, :2].float(), 4))


def test_the_model_itself_without_options():
    model = Brightness()
    assert with_options(model, INSTANCE, window=None, augment=False) is model


def test_windows_of_each_size():
    model = with_options(Brightness(), SEMANTIC, window=16, augment=True)
    assert isinstance(model, Augmented)
    assert isinstance(model.model, SlidingWindow)
    maps = model(torch.full((1, 3, 32, 64), 5, dtype=torch.uint8)).pixel_logits
    assert torch.allclose(maps, torch.full((1, 2, 32, 64), 5.0))


def test_results_of_a_plugin_cannot_be_merged():
    with_options(Brightness(), SEMANTIC | INSTANCE, window=16, augment=False)
    with pytest.raises(ConfigError) as caught:
        with_options(Brightness(), {"depth": SimpleNamespace(result_type=float)}, window=16, augment=False)
    assert str(caught.value) == (
        "window: results of 'depth' are of another type than SemanticResult, InstanceResult, PanopticResult, and only "
        "these can be put together from windows. Leave out the window or the postprocessor."
    )


def test_segments_cannot_be_averaged():
    with pytest.raises(ConfigError) as caught:
        with_options(Brightness(), INSTANCE, window=None, augment=True)
    assert str(caught.value) == (
        "augment: results of 'instance' cannot be averaged, since each prediction has objects of its own. Only "
        "'semantic' can be augmented: leave out the option or the other postprocessors."
    )
