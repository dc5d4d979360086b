"""Batch norms folded into convolutions."""

import pytest
import torch
from torch import nn

from segkit.backbones.timm import TimmBackbone
from segkit.ops.folding import NORMS, fold_batch_norms


def with_statistics(model):
    """The model in eval mode, whose norms change what they get."""
    for module in model.modules():
        if type(module).__name__ in NORMS:
            for values in (module.running_mean, module.running_var, module.weight, module.bias):
                values.data.uniform_(0.5, 1.5)
    return model.eval()


@pytest.mark.parametrize("name", ["resnet18", "resnet26", "resnet18d"])
@pytest.mark.parametrize("frozen", [False, True], ids=["trained", "frozen"])
@torch.inference_mode()
def test_feature_maps_of_resnets_stay_equal(name, frozen):
    torch.manual_seed(0)
    backbone = with_statistics(TimmBackbone(name=name, freeze_batch_norm=frozen))
    images = torch.randn(2, 3, 64, 64)
    before = backbone(images)
    fold_batch_norms(backbone)
    for folded, plain in zip(backbone(images), before, strict=True):
        torch.testing.assert_close(folded, plain, rtol=1e-5, atol=1e-5 * plain.abs().max().item())
    left = [name for name, module in backbone.named_modules() if type(module).__name__ in NORMS]
    assert left == (["body.bn1"] if name == "resnet18d" else [])  # behind a stem that is a Sequential


def test_only_norms_that_get_the_output_of_a_plain_convolution_are_folded():
    class Own(nn.Conv2d):
        """Computes something else."""

    model = nn.Sequential(Own(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)).eval()
    fold_batch_norms(model)
    assert [type(layer) for layer in model] == [Own, nn.BatchNorm2d, nn.Conv2d, nn.ReLU, nn.BatchNorm2d]
