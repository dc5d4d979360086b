"""The loss of a step does not depend on how its images are split into batches."""

import pytest

from segkit.config import load_config
from segkit.training.train import train
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
