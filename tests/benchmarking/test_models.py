"""Whole models of equal weights: both programs' outputs, losses and gradients."""

import pytest
import torch
from benchmarking import models
from benchmarking.case import Options, UnequalOutputs
from benchmarking.profile import PHASES, profile_table, profile_training

SMALL = Options(torch.device("cpu"), scale=0.125)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("backbone", ["r50", "swin_t"])
def test_forward(tiny_bodies, backbone, precision):
    workload = models.forward(SMALL, backbone, precision)
    workload.check()
    assert workload.images == 1


def test_training(tiny_bodies):
    workload = models.training(SMALL, "r50", "fp32")
    workload.check()
    workload.ours()
    workload.theirs()


def test_unequal_weights_are_found(tiny_bodies):
    pair = models.TrainingPair(SMALL, "r50")
    with torch.no_grad():
        pair.model.get_parameter("transformer_decoder.class_head.bias")[0] += 1
    with pytest.raises(UnequalOutputs, match=r"^class logits: the largest difference is 1 and "):
        pair.check("fp32")
    assert pair.criterion.deep_supervision
    assert pair.peer.config.use_auxiliary_loss


def test_profile(tiny_bodies):
    ours, theirs = profile_training(SMALL, "r50", "fp32", repeats=1)
    assert set(ours) == set(theirs) == set(PHASES)
    assert min(ours.values()) > 0
    assert min(theirs.values()) > 0


def test_profile_table():
    ours = dict.fromkeys(PHASES, 0.0) | {"matching": 1.0, "backward": 3.0}
    lines = profile_table(ours, ours, "peer").splitlines()
    assert lines[0] == "| phase | segkit | fraction | peer | fraction |"
    assert lines[5] == "| matching | 1.00 s | 25% | 1.00 s | 25% |"
    assert lines[-1] == "| whole step | 4.00 s | 100% | 4.00 s | 100% |"
