"""The feature pyramid: equality with transformers' MaskFormer, and maps of odd sizes."""

import pytest
import torch

from segkit.registries import PIXEL_DECODERS
from segkit.types import Feature

FEATURES = [Feature(8, 4), Feature(16, 8), Feature(24, 16), Feature(40, 32)]


def fpn(features=FEATURES, **settings):
    torch.manual_seed(0)
    return PIXEL_DECODERS.get("fpn")(features, **({"hidden_dim": 64, "mask_dim": 16} | settings)).eval()


def maps(height, width, features=FEATURES):
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(2, f.channels, -(-height // f.stride), -(-width // f.stride), generator=generator) for f in features
    ]


def theirs(features=FEATURES, **settings):
    from transformers.models.maskformer.modeling_maskformer import MaskFormerPixelDecoder

    channels = [feature.channels for feature in features]
    return MaskFormerPixelDecoder(in_features=channels[-1], lateral_widths=channels[:-1], **settings).eval()


@pytest.mark.parametrize("size", [(64, 96), (50, 35)])
def test_mask_features_agree_with_transformers(size):
    ours, peer = fpn(), theirs(feature_size=64, mask_feature_size=16)
    peer.mask_projection.load_state_dict(ours.mask_features.state_dict())
    peer.fpn.stem.load_state_dict(ours.outputs[-1].state_dict())
    for index, layer in enumerate(reversed(peer.fpn.layers)):
        layer.proj.load_state_dict(ours.laterals[index].state_dict())
        layer.block.load_state_dict(ours.outputs[index].state_dict())
    features = maps(*size)
    with torch.no_grad():
        found, memory = ours(features)
        torch.testing.assert_close(found, peer(features).last_hidden_state, atol=1e-5, rtol=1e-4)
    assert memory == [features[-1]]


def test_number_of_parameters_of_the_paper():
    features = [Feature(256 * 2**level, 4 * 2**level) for level in range(4)]
    with torch.device("meta"):
        ours, peer = PIXEL_DECODERS.get("fpn")(features), theirs(features)
    assert count(ours) == count(peer)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_published_sizes():
    part = fpn()
    assert part.mask_dim == 16
    assert part.memory == [Feature(40, 32)]


def test_a_single_map():
    features = [Feature(40, 32)]
    mask_features, memory = fpn(features)(maps(64, 96, features))
    assert mask_features.shape == (2, 16, 2, 3)
    assert memory[0].shape == (2, 40, 2, 3)


def test_widths_that_32_groups_do_not_divide():
    mask_features, _ = fpn(hidden_dim=20)(maps(64, 64))
    assert mask_features.shape == (2, 16, 16, 16)
