"""The loss of a step does not depend on how its images are split into batches."""

import math

import pytest
import torch
from torch import nn

from segkit.config import load_config
from segkit.criterion import LossReport
from segkit.runtime.processes import make_accelerator
from segkit.training.step import TrainingStep
from segkit.training.train import train
from segkit.types import Batch, ImageSizes, PixelPrediction
from tests.helpers.equal_steps import PIXELS, QUERIES, assert_equal_losses, losses_of, write_config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One for all tests, because a process can import the dataset's file from one place only."""
    return tmp_path_factory.mktemp("step")


@pytest.mark.parametrize("parts", [QUERIES, PIXELS], ids=["queries", "pixels"])
def test_accumulated_batches_are_one_large_batch(tmp_path, folder, parts):
    """Half of the images have no segment, and classes differ in weight."""
    config = write_config(folder, parts)
    short = load_config(config, ["training.steps=3", "data.train.batch_size=4"])
    split = load_config(config, ["training.steps=3", "training.accumulate=4"])
    whole, split = (train(one, tmp_path / name, device="cpu") for name, one in (("whole", short), ("split", split)))
    assert_equal_losses(split, whole)


def test_the_log_has_the_norm_of_the_gradients_before_clipping(tmp_path, folder):
    config = write_config(folder, PIXELS)
    short = ["training.steps=1", "data.train.batch_size=4"]
    settings = [[*short, f"training.clip_gradients={clip}"] for clip in ("0.001", "null")]
    runs = [train(load_config(config, one), tmp_path / str(i), device="cpu") for i, one in enumerate(settings)]
    norms = [losses_of(run)[0]["norm"] for run in runs]
    assert norms[0] == norms[1] > 0.001


def scaled_step(accelerator, weight, loss):
    """A step in fp16 on the CPU, with torch's own scaler for it; Accelerate has one for GPUs only."""
    optimizer = torch.optim.AdamW([weight], lr=0.5, fused=True)
    moments = {"exp_avg": torch.zeros(()), "exp_avg_sq": torch.zeros(())}
    optimizer.state[weight] = {"step": torch.tensor(1.0), **moments}
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    accelerator.scaler, accelerator.unscale_gradients = scaler, lambda: scaler.unscale_(optimizer)
    accelerator.backward = lambda total: scaler.scale(total).backward()
    model = nn.Module()
    model.weight = weight
    model.forward = lambda images, sizes: PixelPrediction(weight)
    step = TrainingStep(model, lambda prediction, targets: LossReport(loss(weight), {}), optimizer, accelerator)
    batch = Batch(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), [ImageSizes(*[(4, 4)] * 3)], [], ["a.png"], [0])
    step.update(step.compute_gradients([batch], 0, 1))
    return scaler.get_scale()


@pytest.mark.parametrize(
    ("loss", "finite", "scale"),
    [
        (lambda weight: weight * 2, True, 8.0),
        (lambda weight: weight * math.inf, False, 4.0),
        (lambda weight: weight + math.inf, False, 8.0),
    ],
    ids=["finite", "gradients overflow", "only the loss"],
)
def test_in_fp16_the_scaler_and_the_loss_decide(loss, finite, scale):
    weight = nn.Parameter(torch.tensor(1.0))
    assert scaled_step(make_accelerator("fp32", device="cpu"), weight, loss) == scale
    assert (weight.item() != 1) == finite
    assert weight.isfinite()
