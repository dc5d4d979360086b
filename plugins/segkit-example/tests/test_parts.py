"""The parts keep segkit's contracts, and are found under the names that configs use."""

from pathlib import Path

import pytest
import torch

import segkit
from segkit import testing
from segkit.registries import BACKBONES, LOSSES

EXAMPLE = Path(__file__).parents[1] / "configs" / "example.yaml"


@pytest.mark.parametrize("width", [4, 32])
def test_the_backbone_keeps_its_contract(width):
    testing.check_backbone(BACKBONES.get("example_pyramid")(width=width))


def test_the_loss_keeps_its_contract():
    testing.check_loss(LOSSES.get("example_tversky")())


def test_with_equal_weights_the_tversky_loss_is_the_dice_loss():
    torch.manual_seed(0)
    masks = torch.randn(3, 50), (torch.rand(3, 50) > 0.5).float(), torch.rand(3, 50) > 0.2
    tversky, dice = LOSSES.get("example_tversky")(alpha=0.5, beta=0.5), LOSSES.get("dice")()
    torch.testing.assert_close(tversky(*masks), dice(*masks))


def test_beta_weighs_what_a_mask_misses():
    nothing, everything = torch.full((1, 8), -50.0), torch.ones(1, 8)
    losses = [LOSSES.get("example_tversky")(beta=beta)(nothing, everything, None) for beta in (0.5, 1.0)]
    assert [round(loss.item(), 4) for loss in losses] == [round(1 - 0.5 / 4.5, 4), round(1 - 0.5 / 8.5, 4)]


def test_the_example_is_built_of_these_parts():
    config = segkit.load_config(EXAMPLE)
    model = segkit.build_model(config)
    assert type(model.backbone).__module__ == "segkit_example.pyramid"
    prediction = model(torch.zeros(1, 3, 96, 128, dtype=torch.uint8))
    assert prediction.mask_logits.shape == (1, 16, 24, 32)
