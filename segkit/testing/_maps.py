"""Feature maps: pyramids to try parts with, and whether maps are those that were published."""

from collections.abc import Sequence

import torch
from torch import Tensor

from segkit.testing._common import shape_of
from segkit.types import Feature, Size

PYRAMID = [Feature(8, 4), Feature(16, 8), Feature(24, 16), Feature(40, 32)]
"""What a backbone in front of the part may publish."""

CELLS = ((2, 3), (3, 2), (1, 1), (3, 5))
"""(height, width) of the coarsest map: wider than high, higher than wide, a single cell, odd counts."""


def published_features(who: str, name: str, features: object) -> list[Feature]:
    """`features`, which a part publishes as `name`, if they are a list of Feature, finest first."""
    listed = isinstance(features, list) and bool(features) and all(isinstance(one, Feature) for one in features)
    assert listed, f"{who} publishes {name} = {features!r}, where a list of Feature(channels, stride) is promised"
    assert isinstance(features, list)
    strides = [feature.stride for feature in features]
    assert strides == sorted(set(strides)), (
        f"{who} publishes {name} of the strides {strides}, where the finest comes first and none comes twice"
    )
    return features


def random_maps(features: Sequence[Feature], size: Size, batch: int = 2) -> list[Tensor]:
    """The maps (B,Ci,Hi,Wi) that belong to images of `size`."""
    return [torch.randn(batch, f.channels, size[0] // f.stride, size[1] // f.stride) for f in features]


def check_maps(who: str, words: str, maps: object, features: Sequence[Feature], size: Size) -> None:
    """`maps` are those of `features` for two images of `size`, and finite; `words`: what a map is called."""
    assert isinstance(maps, list | tuple), (
        f"{who} gives its {words}s as {type(maps).__name__}, where a list is promised"
    )
    assert len(maps) == len(features), f"{who} gives {len(maps)} {words}s and publishes {len(features)}"
    for index, (found, feature) in enumerate(zip(maps, features, strict=True)):
        expected = (2, feature.channels, size[0] // feature.stride, size[1] // feature.stride)
        assert shape_of(found) == expected, (
            f"{who} gives for images of {size[0]}x{size[1]} the {words} {index} as {shape_of(found)}, where "
            f"{feature} promises {expected}"
        )
        assert found.isfinite().all(), f"{who} gives a {words} {index} that is not finite"
