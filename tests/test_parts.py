"""To be registered is to be tested: every part of every kind keeps its contract."""

import pytest
import torch

from segkit import testing
from segkit.data.labels import Classes
from segkit.registries import (
    BACKBONES,
    LOSSES,
    MATCHERS,
    PIXEL_DECODERS,
    REGISTRIES,
    SCHEDULES,
    TRANSFORMER_DECODERS,
)

CLASSES = Classes.make(["a", "b", "c"])
BACKBONE_MODELS = [
    "resnet18",
    "resnet50",
    "swin_tiny_patch4_window7_224",
    "swinv2_cr_tiny_ns_224",
    "convnext_atto",
    "mobilenetv3_small_100",
]


@pytest.mark.parametrize("name", BACKBONES.names())
@pytest.mark.parametrize("model", BACKBONE_MODELS)
def test_backbone(name, model):
    torch.manual_seed(0)
    testing.check_backbone(BACKBONES.get(name)(name=model))


@pytest.mark.parametrize("name", PIXEL_DECODERS.names())
def test_pixel_decoder(name):
    testing.check_pixel_decoder(lambda features: PIXEL_DECODERS.get(name)(features, hidden_dim=32, mask_dim=16))


@pytest.mark.parametrize("name", TRANSFORMER_DECODERS.names())
def test_transformer_decoder(name):
    part = TRANSFORMER_DECODERS.get(name)
    testing.check_transformer_decoder(lambda *wired: part(*wired, num_queries=7, hidden_dim=32, num_layers=3))


@pytest.mark.parametrize("name", MATCHERS.names())
def test_matcher(name):
    testing.check_matcher(MATCHERS.get(name)())


@pytest.mark.parametrize("name", LOSSES.names())
def test_loss(name):
    part = LOSSES.get(name)
    loss = part(CLASSES) if name == "cross_entropy" else part()
    testing.check_loss(loss)


@pytest.mark.parametrize("name", SCHEDULES.names())
def test_schedule(name):
    schedule = SCHEDULES.get(name)()
    factors = [schedule(step, 100) for step in range(100)]
    assert all(0 <= factor <= 1 for factor in factors)
    assert max(factors) > 0.5


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.plural)
def test_every_part_loads_and_is_described(registry):
    entries = {entry.name: entry for entry in registry.entries()}
    assert set(entries) == set(registry.names())
    for name in registry.names():
        assert registry.get(name) is not None
        assert entries[name].description, f"{registry.kind} '{name}' needs a docstring"
