"""The batches of a step, found again: equal to the last bit to those that the training saw."""

import shutil

import pytest

from segkit.build import build_dataset
from segkit.config import load_config
from segkit.training.batches import batches_of_step
from segkit.training.step import TrainingStep
from segkit.training.train import train
from tests.helpers.equal_batches import assert_equal_batches

SIZE_DIVISOR = 16
"""Of the model of `tiny`."""

SETTINGS = [
    "training.steps=5",
    "training.accumulate=2",
    "training.checkpoint_every=2",
    "training.keep_checkpoints=9",
    "data.val=null",
    # Positions, sizes and colors are random, and images of unlike sizes are padded.
    "data.train.transforms=[{type: random_flip}, {type: random_scale, size: [64, 64], min_factor: 0.5, max_factor: 2}]",
]


@pytest.fixture
def seen(monkeypatch):
    """The batches of each step that trainings make from now on."""
    steps = []
    compute = TrainingStep.compute_gradients
    monkeypatch.setattr(
        TrainingStep,
        "compute_gradients",
        lambda self, batches, *at: steps.append(batches) or compute(self, batches, *at),
    )
    return steps


def found_again(config, step):
    settings, split = config.experiment.training, config.experiment.data.train
    (batches,) = batches_of_step(settings, split, build_dataset(split), SIZE_DIVISOR, step, num_processes=1)
    return batches


@pytest.mark.parametrize("workers", [0, 2])
def test_they_are_those_of_the_training(tiny, seen, workers):
    config = load_config(tiny, [*SETTINGS, f"data.train.workers={workers}"])
    train(config, device="cpu")
    assert len(seen) == 5
    assert len({tuple(batch.images.shape) for batches in seen for batch in batches}) > 1
    for step, batches in enumerate(seen, start=1):
        assert_equal_batches(found_again(config, step), batches)


def test_they_are_those_of_a_resumed_training(tiny, seen, tmp_path):
    config = load_config(tiny, SETTINGS)
    train(config, tmp_path / "run", device="cpu")
    for step in (4, 5):
        shutil.rmtree(tmp_path / "run/checkpoints" / f"step_{step}")
    seen.clear()
    train(config, tmp_path / "run", resume=True, device="cpu")
    assert len(seen) == 3
    for step, batches in enumerate(seen, start=3):
        assert_equal_batches(found_again(config, step), batches)
