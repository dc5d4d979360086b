"""Whole models of equal weights: both programs' outputs, losses and gradients."""

import pytest
import torch
from benchmarking import models
from benchmarking.case import Setting, Unequal
from benchmarking.profile import PHASES, profile_table, profile_training

SMALL = Setting(torch.device("cpu"), scale=0.125)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("backbone", ["r50", "swin_t"])
def test_forward(tiny_bodies, backbone, precision):
    contest = models.forward(SMALL, backbone, precision)
    contest.check()
    assert contest.images == 1


def test_training(tiny_bodies):
    contest = models.training(SMALL, "r50", "fp32")
    contest.check()
    contest.ours()
    contest.theirs()


def test_unequal_weights_are_found(tiny_bodies):
    pair = models.TrainingPair(SMALL, "r50")
    with torch.no_grad():
        pair.model.get_parameter("transformer_decoder.class_head.bias")[0] += 1
    with pytest.raises(Unequal, match=r"^class logits: they differ by up to 1 where "):
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
    assert lines[0] == "| phase | segkit | share | peer | share |"
    assert lines[5] == "| matching | 1.00 s | 25% | 1.00 s | 25% |"
    assert lines[-1] == "| whole step | 4.00 s | 100% | 4.00 s | 100% |"
