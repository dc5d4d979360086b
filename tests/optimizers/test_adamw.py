"""Parameter groups by learning rate and weight decay."""

import torch
from torch import nn

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
