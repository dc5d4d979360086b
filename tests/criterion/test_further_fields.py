"""A prediction may have further fields: what reads them gets the object that the decoder made."""

from dataclasses import dataclass, replace

import torch
from torch import nn

from segkit.classes import Classes
from segkit.criterion import Criterion, WeightedLoss
from segkit.losses.dice import Dice
from segkit.matchers.hungarian import HungarianMatcher
from segkit.postprocessors.semantic import Semantic
from segkit.types import ImageSizes, Prediction
from tests.helpers.tiny import halves_target


@dataclass
class DepthPrediction(Prediction):
    depth: torch.Tensor | None = None


class DepthLoss(nn.Module):
    input_type = "prediction"

    def forward(self, prediction, targets, matches):
        assert len(matches[0][0]) == 2
        return prediction.depth.square().mean()


class DepthPostprocessor(Semantic):
    def __call__(self, prediction, sizes):
        self.depth = prediction.depth
        return super().__call__(prediction, sizes)


def test_a_subclass_reaches_losses_and_postprocessors():
    torch.manual_seed(0)
    first = DepthPrediction(torch.randn(1, 4, 3), dense_mask_logits=torch.randn(1, 4, 8, 8), depth=torch.ones(1))
    prediction = replace(first, depth=torch.full((1,), 2.0), auxiliary=[first])
    losses = [WeightedLoss("dice", Dice(), 1.0), WeightedLoss("depth", DepthLoss(), 1.0)]
    report = Criterion(losses, HungarianMatcher(), True, True)(prediction, [halves_target((32, 32))])
    assert (report.parts["depth/0"].item(), report.parts["depth"].item()) == (1.0, 4.0)
    postprocessor = DepthPostprocessor(Classes.make(["a", "b"]))
    postprocessor(prediction, [ImageSizes((32, 32), (32, 32), (32, 32))])
    assert postprocessor.depth is prediction.depth
