"""Features that are kept: equal whether they were read or computed, and never those of something else."""

import copy

import pytest
import torch
from torch import nn

from segkit.errors import RegistryError
from segkit.runtime.cached_features import cache_features, key_of, name_of_features
from segkit.runtime.feature_store import FeatureStore

IMAGES = torch.randn(3, 3, 8, 8)


class Encoder(nn.Module):
    def __init__(self, slope=0.1):
        super().__init__()
        self.first, self.second, self.slope = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 2, stride=2), slope
        self.register_buffer("hidden", torch.ones(1), persistent=False)

    def forward(self, images):
        first = nn.functional.leaky_relu(self.first(images), self.slope)
        return [first, self.second(first)]


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return Encoder().eval().requires_grad_(False)


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path, "encoder", 10**7)


def test_read_and_computed_features_are_equal_in_any_batch(encoder, store):
    exact = encoder(IMAGES)
    cache_features(encoder, store)
    computed, read, other_batch = encoder(IMAGES), encoder(IMAGES), encoder(IMAGES[[2, 0]])
    assert (store.found, store.missed) == (5, 3)
    for maps in zip(exact, computed, read, other_batch, strict=True):
        assert torch.allclose(maps[0], maps[1], rtol=2**-8)
        assert maps[1].equal(maps[2])
        assert maps[1][[2, 0]].equal(maps[3])
        assert not maps[0].equal(maps[1]), "rounded also where it is computed"


def test_another_precision_is_another_feature(encoder, store):
    cache_features(encoder, store)
    plain = encoder(IMAGES)
    with torch.autocast("cpu", torch.bfloat16):
        lower = encoder(IMAGES)
    assert (store.found, store.missed) == (0, 6)
    assert (plain[1].dtype, lower[1].dtype) == (torch.float32, torch.bfloat16)


def test_a_copy_of_the_model_computes_itself_and_shares_the_store(encoder, store):
    cache_features(encoder, store)
    copied = copy.deepcopy(encoder)
    with torch.no_grad():
        copied.first.weight.zero_()
    assert not copied(IMAGES)[0].equal(encoder(IMAGES + 1)[0])
    assert store.missed == 6


def _weight(encoder):
    encoder.second.weight[0, 0, 0, 0] += 1


def _buffer(encoder):
    encoder.hidden += 1


def _attribute(encoder):
    encoder.slope = 0.2


def _layer(encoder):
    encoder.second.stride = (1, 1)


@pytest.mark.parametrize("change", [_weight, _buffer, _attribute, _layer])
def test_features_have_the_name_of_all_that_they_follow_from(encoder, change):
    before = name_of_features(encoder)
    assert name_of_features(copy.deepcopy(encoder).train()) == before
    change(encoder)
    assert name_of_features(encoder) != before


def test_keys_tell_shapes_and_pixels_apart():
    image = torch.arange(12.0).reshape(1, 3, 2, 2)
    others = [image.reshape(1, 3, 4, 1), image + 1, image.double()]
    assert len({key_of(one) for one in (image, *others)}) == 4
    assert key_of(image) == key_of(image.to(memory_format=torch.channels_last))


def test_what_is_no_list_of_maps_is_refused(store):
    module = nn.Conv2d(3, 4, 1)
    cache_features(module, store)
    with pytest.raises(RegistryError) as caught:
        module(IMAGES)
    assert str(caught.value) == (
        "hook 'feature_cache': the frozen Conv2d returns no list of maps with a row for each image. See the contract, "
        "segkit.registries.PartlyFrozenBackbone."
    )
