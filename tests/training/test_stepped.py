"""Parts that change with the step are told it, once per step, also where a training is resumed or a step replayed."""

import math
from itertools import repeat

import pytest
import torch
from torch import nn

from segkit.config import load_config
from segkit.criterion import Criterion, WeightedLoss
from segkit.errors import TrainingError
from segkit.hooks.learning_rate_finder import LearningRateFinder
from segkit.training.build import build_training
from segkit.training.drawn_step import draw_step
from segkit.training.loop import Trainer
from segkit.training.loop_settings import LoopSettings
from segkit.training.replay import replay
from segkit.training.run_folder import RunFolder
from segkit.training.train import train
from segkit.types import Batch, ImageSizes, PixelPrediction
from tests.helpers.tiny import assert_equal_weights, empty_target, lines_of

SIZES = ImageSizes((4, 4), (4, 4), (4, 4))
BATCH = Batch(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), [SIZES], [empty_target((4, 4))], ["a.png"], [0])


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))
        self.seen = []

    def on_step(self, step, steps):
        self.seen.append((step, steps))

    def forward(self, images, sizes):
        return PixelPrediction(self.weight.expand(len(images), 1, 1, 1))


class Loss(nn.Module):
    input_type = "prediction"

    def on_step(self, step, steps):
        self.factor = step / steps

    def forward(self, prediction, targets, matches):
        return self.factor * prediction.pixel_logits.mean()


def trainer_of(steps, hooks=None, accumulate=1):
    model, criterion = Model(), Criterion([WeightedLoss("ramp", Loss(), 1.0)], None, True, True)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    return Trainer(
        model,
        criterion,
        optimizer,
        lambda step, steps: 1.0,
        repeat(BATCH),
        LoopSettings(steps=steps, accumulate=accumulate),
        hooks=hooks,
    )


def test_model_and_losses_are_told_once_per_step():
    trainer = trainer_of(4, accumulate=3)
    trainer.run()
    assert trainer.model.seen == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert trainer.model.weight.item() == 1 - (0 + 1 + 2 + 3) / 4


def test_steps_that_are_tried_count_as_the_first():
    trainer = trainer_of(2, {"finder": LearningRateFinder(steps=5)})
    trainer.run()
    assert trainer.model.seen == [*[(0, 2)] * 5, (0, 2), (1, 2)]


RAMP = """
import torch
from torch import nn

from segkit import LOSSES


@LOSSES.register("ramp_of_masks")
class Ramp(nn.Module):
    "Draws the embeddings to zero, the more the longer the training."

    input_type = "prediction"

    def __init__(self) -> None:
        super().__init__()

    def on_step(self, step, steps):
        self.factor = step / steps

    def forward(self, prediction, targets, matches):
        return self.factor * prediction.mask_embeddings.square().mean()
"""


@pytest.fixture(scope="module")
def ramp(tmp_path_factory):
    """One file for all tests, because a process can import it from one place only."""
    file = tmp_path_factory.mktemp("ramp") / "my_ramp_of_masks.py"
    file.write_text(RAMP)
    return file


def config_of(tiny, ramp, *overrides):
    settings = ["criterion.losses=[{type: ramp_of_masks}, {type: cross_entropy}]", *overrides]
    return load_config(tiny, settings, plugins=[ramp])


def broken_after(batches, count):
    for _ in range(count):
        yield next(batches)
    raise ConnectionError


def test_a_resumed_training_ends_like_an_unbroken_one(tiny, ramp):
    whole = train(config_of(tiny, ramp), output="whole", device="cpu")
    trainer = build_training(config_of(tiny, ramp), RunFolder(tiny.parent / "broken"), device="cpu")
    trainer.batches = broken_after(trainer.batches, 2)
    with pytest.raises(ConnectionError):
        trainer.run()
    resumed = train(config_of(tiny, ramp), output="broken", resume=True, device="cpu")
    assert_equal_weights(whole / "last", resumed / "last")
    ramps = [line["losses"]["ramp_of_masks"] for line in lines_of(resumed) if "losses" in line]
    assert ramps[0] == 0.0 < min(ramps[1:])


def test_a_step_is_replayed_and_drawn_with_its_losses(tiny, ramp):
    """The step fails after its losses were computed."""
    config = config_of(
        tiny, ramp, "training.hooks=[]", "training.checkpoint_every=1", "model.transformer_decoder.dropout=0"
    )
    trainer = build_training(config, RunFolder(tiny.parent / "run"), device="cpu")
    compute, clip, losses = trainer.training_step.compute_gradients, trainer.training_step._clip, []

    def keep_losses(*step):
        report = compute(*step)
        losses.append(report.losses["ramp_of_masks"])
        return report

    trainer.training_step.compute_gradients = keep_losses
    trainer.training_step._clip = lambda: clip() + (math.inf if trainer.state.step == 2 else 0)
    with pytest.raises(TrainingError):
        trainer.run()
    done = replay("run", "cpu", trust=True)
    assert done.replayed["ramp_of_masks"] == pytest.approx(losses[2], rel=1e-6)
    first, third = (draw_step("run", step, device="cpu", trust=True) for step in (1, 3))
    assert all(image.losses["ramp_of_masks"] == 0 for image in first.images)
    assert all(image.losses["ramp_of_masks"] > 0 for image in third.images)
