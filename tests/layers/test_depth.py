"""The layers of backbones by depth."""

import pytest
from torch import nn

from segkit.backbones.timm import TimmBackbone
from segkit.errors import RegistryError
from segkit.layers.depth import backbone_layers, numbered_layers


def test_what_lies_between_blocks_belongs_to_the_next():
    block = nn.Sequential(nn.Linear(1, 1, bias=False))
    body = nn.Sequential()
    body.stem, body.blocks, body.norm = nn.Linear(1, 1, bias=False), nn.ModuleList([block]), nn.LayerNorm(1)
    assert numbered_layers(body) == [["stem.weight", "blocks.0.0.weight", "norm.weight", "norm.bias"]]


def test_a_module_without_numbers_is_one_layer():
    assert numbered_layers(nn.LayerNorm(1)) == [["weight", "bias"]]
    assert numbered_layers(nn.ReLU()) == [[]]


class Published(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(1, 1), nn.Linear(1, 1)

    def parameter_layers(self):
        return [["body.weight"], ["body.bias"]]


def test_a_model_publishes_its_own():
    assert backbone_layers(Published()) == [["body.weight"], ["body.bias"]]
    holder = nn.Module()
    holder.backbone = Published()
    assert backbone_layers(holder) == [["backbone.body.weight"], ["backbone.body.bias"]]


@pytest.mark.parametrize(
    ("layers", "problem"),
    [
        (
            ["body.weight", "body.bias"],
            r"that are no list of layers: \['body\.weight', 'body\.bias'\]\. Return one list",
        ),
        ("body.weight", r"that are no list of layers: 'body\.weight'\. Return one list of names for each layer, such"),
        (None, r"that are no list of layers: None\. Return one list of names for each layer"),
        ([["body.weight", 3]], "with 3, which is no name of a parameter"),
        ([["body.weight"], ["weight"]], "with 'weight', which is no parameter of it or stands there twice"),
        ([["body.weight"], ["body.weight"]], "with 'body.weight', which is no parameter of it or stands there twice"),
    ],
)
def test_what_is_no_list_of_layers_is_refused(layers, problem):
    part = Published()
    part.parameter_layers = lambda: layers
    with pytest.raises(RegistryError, match=f"^Published publishes parameter_layers {problem}"):
        backbone_layers(part)


def test_a_model_without_a_backbone_has_none():
    assert backbone_layers(nn.Linear(1, 1)) == []


@pytest.mark.parametrize(
    ("name", "depth"), [("resnet18", 8), ("convnext_atto", 12), ("swin_tiny_patch4_window7_224", 12)]
)
def test_a_layer_per_block_of_timm(name, depth):
    """ResNet-18 has eight blocks, ConvNeXt-A and Swin-T twelve; stems and downsampling belong to the next."""
    backbone = TimmBackbone(name=name, stage_norm=True)
    layers = backbone.parameter_layers()
    assert [name for layer in layers for name in layer] == [name for name, _ in backbone.named_parameters()]
    assert len(layers) == depth
