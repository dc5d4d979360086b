"""Feature maps: inputs for parts, and checks of maps against what was published."""

from collections.abc import Sequence

import torch
from torch import Tensor

from segkit.testing._common import shape_of
from segkit.types import Feature, Size

PYRAMID = [Feature(8, 4), Feature(16, 8), Feature(24, 16), Feature(40, 32)]
"""The features of a backbone in front of the part."""

CELLS = ((2, 3), (3, 2), (1, 1), (3, 5))
"""(height, width) of the coarsest map: wider than high, higher than wide, a single cell, odd counts."""


def published_features(who: str, name: str, features: object) -> list[Feature]:
    """Checks that `features`, which a part publishes as `name`, is a list of Feature, finest first."""
    listed = isinstance(features, list) and bool(features) and all(isinstance(one, Feature) for one in features)
    assert listed, f"{who} publishes {name} = {features!r}. The contract asks for a list of Feature(channels, stride)."
    assert isinstance(features, list)  # for the type checker
    strides = [feature.stride for feature in features]
    assert strides == sorted(set(strides)), (
        f"{who} publishes {name} of the strides {strides}. Sort them from fine to coarse, and use each stride once."
    )
    return features


def random_maps(features: Sequence[Feature], size: Size, batch: int = 2) -> list[Tensor]:
    """Returns random maps [(B,Ci,Hi,Wi)] of `features` for images of `size`."""
    return [torch.randn(batch, f.channels, size[0] // f.stride, size[1] // f.stride) for f in features]


def check_maps(who: str, name: str, maps: object, features: Sequence[Feature], size: Size) -> None:
    """Checks that `maps` are the maps of `features` for two images of `size`, and finite.

    Args:
        who: The part.
        name: What a map is called in error messages.
        maps: What the part returned.
        features: What it published.
        size: Of the images.
    """
    assert isinstance(maps, list | tuple), f"{who} returns its {name}s as {type(maps).__name__}. Return a list."
    assert len(maps) == len(features), (
        f"{who} returns {len(maps)} {name}s but publishes {len(features)}. Return one {name} per published Feature."
    )
    for index, (found, feature) in enumerate(zip(maps, features, strict=True)):
        expected = (2, feature.channels, size[0] // feature.stride, size[1] // feature.stride)
        assert shape_of(found) == expected, (
            f"{who} returns {name} {index} of shape {shape_of(found)} for images of {size[0]}x{size[1]}. The published "
            f"{feature} asks for {expected}."
        )
        assert found.isfinite().all(), (
            f"{who} returns {name} {index} with nan or infinite values. Return finite values."
        )
