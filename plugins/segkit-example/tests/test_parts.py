"""The parts keep segkit's contracts, and configs find them by name."""

from pathlib import Path

import pytest
import torch
from segkit_example.goal import Goal
from segkit_example.pyramid import Pyramid
from segkit_example.tversky import Tversky

import segkit
from segkit import testing
from segkit.losses.dice import Dice
from segkit.registries import BACKBONES, HOOKS, LOSSES, Backbone, MaskLoss
from segkit.types import Prediction

EXAMPLE = Path(__file__).parents[1] / "configs" / "example.yaml"


@pytest.mark.parametrize("width", [4, 32])
def test_the_backbone_keeps_its_contract(width: int) -> None:
    backbone: Backbone = Pyramid(width=width)  # so annotated, type checkers check it as well
    testing.check_backbone(backbone)


def test_the_loss_keeps_its_contract() -> None:
    testing.check_loss(Tversky())


def test_with_equal_weights_the_tversky_loss_is_the_dice_loss() -> None:
    torch.manual_seed(0)
    masks = torch.randn(3, 50), (torch.rand(3, 50) > 0.5).float(), torch.rand(3, 50) > 0.2
    tversky: MaskLoss = Tversky(alpha=0.5, beta=0.5)
    torch.testing.assert_close(tversky(*masks), Dice()(*masks))


def test_beta_weighs_false_negatives() -> None:
    nothing, everything = torch.full((1, 8), -50.0), torch.ones(1, 8)
    losses = [Tversky(beta=beta)(nothing, everything, None) for beta in (0.5, 1.0)]
    assert [round(loss.item(), 4) for loss in losses] == [round(1 - 0.5 / 4.5, 4), round(1 - 0.5 / 8.5, 4)]


def test_the_hook_keeps_its_contract() -> None:
    testing.check_hook(Goal)


def test_configs_find_the_parts_by_name() -> None:
    assert BACKBONES.get("example_pyramid") is Pyramid
    assert LOSSES.get("example_tversky") is Tversky
    assert HOOKS.get("example_goal") is Goal
    model = segkit.build_model(segkit.load_config(EXAMPLE))
    prediction = model(torch.zeros(1, 3, 96, 128, dtype=torch.uint8))
    assert isinstance(prediction, Prediction)
    assert prediction.mask_logits.shape == (1, 16, 24, 32)
