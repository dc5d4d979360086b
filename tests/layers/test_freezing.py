"""What `frozen: true` does to any backbone, also one of a plugin."""

import copy

import pytest
import torch
from torch import nn

from segkit.build import build_part
from segkit.layers.freezing import freeze, frozen_part
from segkit.registries import BACKBONES
from segkit.types import Feature


class Norms(nn.Module):
    """Changes with every batch unless it is frozen."""

    def __init__(self):
        super().__init__()
        self.features = [Feature(3, 1)]
        self.norm, self.drop = nn.BatchNorm2d(3), nn.Dropout()

    def forward(self, images):
        return [self.drop(self.norm(images))]


def of_a_stranger():
    with BACKBONES.isolated():
        BACKBONES.register("norms")(Norms)
        return build_part(BACKBONES, {"type": "norms", "frozen": True})


def test_any_backbone_stays_as_it_is():
    model = nn.Sequential(of_a_stranger(), nn.BatchNorm2d(3)).train()
    assert [module.training for module in model.modules()] == [True, False, False, False, True]
    backbone = model[0]
    images = torch.randn(4, 3, 5, 5)
    before = copy.deepcopy(backbone.state_dict())
    (first,), (second,) = backbone(images), backbone(images)
    assert torch.equal(first, second)
    assert not first.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())
    assert list(backbone.state_dict()) == list(Norms().state_dict())


def test_a_copy_of_the_model_is_frozen_by_itself():
    model = nn.Sequential(of_a_stranger())
    copied = copy.deepcopy(model)
    copied.train()
    assert copied[0].norm is not model[0].norm
    for module in model.modules():
        module.training = True
    copied.train()
    assert not copied[0].norm.training
    assert model[0].norm.training, "the copy has put the original into another mode"


@pytest.mark.parametrize("frozen", [False, True])
def test_the_pyramid_of_a_frozen_transformer_learns(frozen):
    config = {"type": "vit_pyramid", "name": "vit_tiny_patch16_224", "frozen": frozen, "hidden_dim": 8}
    options = {"depth": 1, "embed_dim": 24, "num_heads": 3}
    backbone = build_part(BACKBONES, {**config, "options": options}).train()
    assert frozen_part(backbone) is backbone.body
    assert backbone.levels.training
    assert backbone.body.training is not frozen
    learning = {name.partition(".")[0] for name, one in backbone.named_parameters() if one.requires_grad}
    assert learning == ({"levels"} if frozen else {"body", "levels"})
    backbone(torch.randn(1, 3, 32, 32))[0].sum().backward()
    assert (backbone.body.model.patch_embed.proj.weight.grad is None) is frozen


def test_nothing_is_frozen_without_it():
    module = Norms()
    freeze(module.norm)
    assert module.train().drop.training
    assert not module.norm.training
