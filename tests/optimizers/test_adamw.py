"""Parameter groups by learning rate and weight decay."""

import pytest
import torch
from torch import nn

from segkit.errors import ConfigError, RegistryError
from segkit.registries import OPTIMIZERS


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        self.backbone.relative_position_bias_table = nn.Parameter(torch.zeros(3))
        self.queries = nn.Embedding(2, 4)
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 4)
        self.shared = self.head
        self.frozen = nn.Parameter(torch.zeros(1), requires_grad=False)


def test_groups_by_backbone_and_decay():
    model = Tiny()
    optimizer = OPTIMIZERS.get("adamw")(model, lr=1e-3, weight_decay=0.05, backbone_multiplier=0.1)
    found = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert parameter not in found
            found[parameter] = (round(group["lr"], 9), group["weight_decay"])
    named = {name: found.get(parameter) for name, parameter in model.named_parameters()}
    assert named == {
        "backbone.relative_position_bias_table": (1e-4, 0.0),
        "backbone.0.weight": (1e-4, 0.05),
        "backbone.0.bias": (1e-4, 0.05),
        "backbone.1.weight": (1e-4, 0.0),
        "backbone.1.bias": (1e-4, 0.0),
        "queries.weight": (1e-3, 0.0),
        "norm.weight": (1e-3, 0.0),
        "norm.bias": (1e-3, 0.0),
        "head.weight": (1e-3, 0.05),
        "head.bias": (1e-3, 0.05),
        "frozen": None,
    }


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1))
        self.head = nn.Linear(1, 1)
        self.backbone.parameter_layers = lambda: [[f"{index}.weight", f"{index}.bias"] for index in range(3)]


@pytest.mark.parametrize(("multiplier", "rates"), [(1.0, [0.125, 0.25, 0.5, 1.0]), (0.1, [0.0125, 0.025, 0.05, 1.0])])
def test_rates_fall_with_depth(multiplier, rates):
    model = Layers()
    adamw = OPTIMIZERS.get("adamw")
    optimizer = adamw(model, lr=1.0, weight_decay=0.0, layer_decay=0.5, backbone_multiplier=multiplier)
    found = {parameter: group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    weights = [*(layer.weight for layer in model.backbone), model.head.weight]
    assert [found[weight] for weight in weights] == pytest.approx(rates)


class Unnamed(nn.Module):
    """A model that calls its backbone otherwise, and publishes it."""

    def __init__(self):
        super().__init__()
        self.encoder, self.head = nn.Linear(1, 1), nn.Linear(1, 1)

    def parameter_layers(self):
        return [["encoder.weight", "encoder.bias"]]


def test_a_model_may_call_its_backbone_otherwise():
    model = Unnamed()
    optimizer = OPTIMIZERS.get("adamw")(model, lr=1.0, backbone_multiplier=0.5)
    found = {parameter: group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    assert [found[parameter] for parameter in model.parameters()] == [0.5, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("name", ["adamw", "timm"])
def test_factors_without_effect_are_refused(name):
    settings = {"name": "sgd"} if name == "timm" else {}
    frozen = Tiny()
    frozen.backbone.requires_grad_(False)
    for model, factor, message in [
        (
            nn.Linear(1, 1),
            {"backbone_multiplier": 0.1},
            "backbone_multiplier: has no effect: model Linear has no attribute `backbone` and publishes no backbone. "
            "Remove it, or give the model a method `parameter_layers` (segkit.registries.Layered).",
        ),
        (
            nn.Linear(1, 1),
            {"layer_decay": 0.5},
            "layer_decay: has no effect: model Linear has no attribute `backbone` and publishes no backbone. Remove "
            "it, or give the model a method `parameter_layers` (segkit.registries.Layered).",
        ),
        (
            frozen,
            {"backbone_multiplier": 0.1},
            "backbone_multiplier: has no effect: all parameters of the backbone of model Tiny are frozen. Remove it.",
        ),
        (
            Tiny(),
            {"layer_decay": 0.5},
            "layer_decay: has no effect: the backbone of model Tiny is a single layer. Remove it, or give the backbone "
            "a method `parameter_layers` (segkit.registries.Layered).",
        ),
    ]:
        with pytest.raises(ConfigError) as caught:
            OPTIMIZERS.get(name)(model, **settings, **factor)
        assert str(caught.value) == f"optimizer '{name}': {message}"


@pytest.mark.parametrize("layers", [[["encoder.wieght"]], [["encoder.weight"], ["encoder.weight"]]])
def test_layers_of_what_is_no_parameter_or_twice_are_refused(layers):
    model = Unnamed()
    model.parameter_layers = lambda: layers
    with pytest.raises(RegistryError) as caught:
        OPTIMIZERS.get("adamw")(model, backbone_multiplier=0.1)
    assert str(caught.value) == (
        f"Unnamed publishes parameter_layers with '{layers[0][0]}', which is no parameter of it or stands there twice. "
        "See the contract, segkit.registries.Layered."
    )
