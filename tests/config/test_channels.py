"""The number of channels follows from `pixel_mean`, for backbones that take it."""

import pytest
from torch import nn

from segkit.config.channels import channels_of
from segkit.errors import ConfigError
from segkit.registries import BACKBONES, MODELS


class OnlyRgb(nn.Module):
    def __init__(self, *, width: int = 4) -> None:
        super().__init__()


class AnyChannels(nn.Module):
    def __init__(self, channels: int = 3) -> None:
        super().__init__()


def model(backbone="any_channels", **settings):
    return {"type": "per_pixel", "backbone": {"type": backbone}, "pixel_decoder": {"type": "fpn"}, **settings}


@pytest.mark.parametrize(("mean", "channels"), [(None, 3), ([1.0], 1), ([1.0] * 7, 7)])
def test_there_are_as_many_channels_as_numbers(mean, channels):
    with BACKBONES.isolated():
        BACKBONES.register("any_channels")(AnyChannels)
        assert channels_of(model(pixel_mean=mean)) == channels


def test_a_backbone_without_channels_is_named():
    with BACKBONES.isolated():
        BACKBONES.register("only_rgb")(OnlyRgb)
        assert channels_of(model("only_rgb", pixel_mean=[1.0, 2.0, 3.0])) == 3
        with pytest.raises(ConfigError) as caught:
            channels_of(model("only_rgb", pixel_mean=[1.0] * 5))
    assert str(caught.value).startswith(
        "model.pixel_mean: has 5 numbers, one for each channel of the images, but backbone 'only_rgb' of "
    )
    assert str(caught.value).endswith(
        "takes images of 3 channels only. Its `__init__` must take `channels: int = 3` before `*`. Choose another "
        "backbone, or add that to it."
    )


def test_a_model_without_a_backbone_counts_by_itself():
    class Whole(nn.Module):
        size_divisor = 4

        def __init__(self, num_classes: int, *, pixel_mean: list[float] | None = None) -> None:
            super().__init__()

    with MODELS.isolated():
        MODELS.register("whole")(Whole)
        assert channels_of({"type": "whole", "pixel_mean": [1.0] * 4}) == 4
