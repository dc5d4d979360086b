"""The trial of learning rates: what it finds, and that it leaves nothing behind."""

from contextlib import nullcontext

import pytest
from torch import nn

from segkit.config import load_config
from segkit.errors import ConfigError
from segkit.hooks.learning_rate_finder import LearningRateFinder, steepest
from segkit.testing.hook import tiny_context
from segkit.training.train import train
from tests.helpers.tiny import assert_equal_weights, lines_of

FINDER = "training.hooks=[{type: learning_rate_finder, lowest: 1e-5, highest: 10.0, steps: 6}]"


@pytest.mark.parametrize(
    ("losses", "rate"),
    [([4.0, 3.9, 2.0, 1.9], 1.0), ([1.0, 2.0, 3.0, 4.0], None), ([4.0], None), ([], None), ([2.0, 1.0], 0.1)],
)
def test_the_steepest_fall(losses, rate):
    assert steepest([0.01, 0.1, 1.0, 10.0][: len(losses)], losses) == rate


def test_the_trial_ends_where_the_loss_grows(tmp_path):
    """The losses of the context are 3 + log10(rate) ** 2. They are smoothed by 0.8."""
    context = tiny_context(nn.Linear(1, 1), folder=tmp_path)
    said = []
    context.print = said.append
    LearningRateFinder(lowest=1e-2, highest=1e3, steps=6).on_start(context)
    rows = (tmp_path / "learning_rates.csv").read_text().splitlines()
    assert rows[0] == "learning_rate,loss,smoothed_loss"
    assert [float(row.split(",")[2]) for row in rows[1:]] == pytest.approx([7, 6.4, 5.72, 5.376, 5.7008, 6.96064])
    assert said == ["learning rate finder: the loss falls fastest at 1"]
    assert (tmp_path / "learning_rates.svg").read_text().startswith("<svg ")


def test_nan_ends_the_trial(tmp_path):
    context = tiny_context(nn.Linear(1, 1), folder=tmp_path)
    losses = iter([3.0, 2.0, float("nan")])
    context.trial = lambda: nullcontext(lambda rate: next(losses))
    LearningRateFinder(lowest=0.1, highest=10.0, steps=9).on_start(context)
    assert len((tmp_path / "learning_rates.csv").read_text().splitlines()) == 3


def test_a_loss_that_never_falls_is_told():
    context = tiny_context(nn.Linear(1, 1))
    said = []
    context.print = said.append
    LearningRateFinder(lowest=10.0, highest=1000.0, steps=3).on_start(context)
    assert said == ["learning rate finder: the loss falls at no rate. Try a lower `lowest`."]


def test_the_bounds_are_in_order():
    with pytest.raises(ConfigError) as caught:
        LearningRateFinder(lowest=1.0, highest=1.0)
    assert str(caught.value) == ("hook 'learning_rate_finder': lowest: 1.0 is not below `highest`, 1.0. Lower it.")


@pytest.mark.parametrize("workers", [0, 1])
def test_the_training_is_the_one_without_it(tiny, capsys, workers):
    """Weights, running statistics, optimizer, random numbers and the order of images are set back."""
    settings = ["training.accumulate=2", "training.checkpoint_every=1", f"data.train.workers={workers}"]
    plain = train(load_config(tiny, settings), output="plain")
    assert "learning rate finder" not in capsys.readouterr().out
    found = train(load_config(tiny, [*settings, FINDER]), output="found")
    assert "learning rate finder: the loss falls fastest at" in capsys.readouterr().out
    for name in ("last", "best"):
        assert_equal_weights(plain / name, found / name)
    losses = [[line["losses"] for line in lines_of(run) if "losses" in line] for run in (plain, found)]
    assert losses[0] == losses[1]
    assert len((found / "learning_rates.csv").read_text().splitlines()) >= 3


def test_a_resumed_training_tries_nothing(tiny, capsys):
    train(load_config(tiny, ["training.steps=1", FINDER]), output="run")
    capsys.readouterr()
    train(load_config(tiny, ["training.steps=2", FINDER]), output="run", resume=True)
    assert "learning rate finder" not in capsys.readouterr().out
