"""Batch norms over all processes: what is replaced, and where that is refused."""

import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import nn

from segkit.errors import ConfigError
from segkit.runtime.batch_norm import synchronize_batch_norms

GPU = torch.device("cuda:0")


def test_batch_norms_are_replaced_and_tensors_stay():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Sequential(BatchNormAct2d(4)))
    before, weight = dict(model.state_dict()), model[1].weight
    assert synchronize_batch_norms(model, 2, GPU) == []
    assert isinstance(model[1], nn.SyncBatchNorm)
    assert isinstance(model[2][0], nn.SyncBatchNorm)
    assert isinstance(model[2][0].act, nn.ReLU)
    assert model[1].weight is weight
    assert {name: id(value) for name, value in before.items()}.keys() == model.state_dict().keys()


def test_one_process_keeps_its_batch_norms():
    model = nn.Sequential(nn.BatchNorm2d(4))
    (line,) = synchronize_batch_norms(model, 1, GPU)
    assert line.startswith("training.sync_batch_norm: has no effect on a single process")
    assert not isinstance(model[0], nn.SyncBatchNorm)


@pytest.mark.parametrize(
    ("model", "device", "message"),
    [
        (
            nn.Sequential(nn.LayerNorm(4)),
            GPU,
            "training.sync_batch_norm: the model has no batch norms that learn, so it has no effect. Remove it.",
        ),
        (
            nn.Sequential(nn.BatchNorm2d(4)),
            torch.device("cpu"),
            "training.sync_batch_norm: torch synchronizes batch norms on GPUs only, not over processes on CPUs. Set it "
            "to false.",
        ),
    ],
)
def test_errors(model, device, message):
    with pytest.raises(ConfigError) as caught:
        synchronize_batch_norms(model, 2, device)
    assert str(caught.value) == message
