"""A training that stops before the time of its job is over."""

import pytest
from accelerate import Accelerator

from segkit.cli.main import main
from segkit.config import load_config
from segkit.errors import ConfigError, TrainingStopped
from segkit.training.build import build_training
from segkit.training.run_folder import RunFolder
from segkit.training.stopping import Stopping
from segkit.training.time_limit import TimeLimit
from segkit.training.train import train
from tests.helpers.overrides import last_ones
from tests.helpers.tiny import assert_equal_weights


class Clock:
    """A clock that moves only by the work of the test."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def measured(limit, clock, work, seconds):
    with limit.measured(work):
        clock.now += seconds


def stops(limit, evaluations=0):
    stopping = Stopping(Accelerator(cpu=True))
    limit.check(stopping, evaluations)
    return stopping.agreed() is not None


def test_there_must_be_room_for_the_longest_step_and_a_checkpoint():
    clock = Clock()
    limit = TimeLimit(100, clock)
    for work, seconds in (("step", 3), ("step", 1), ("save", 10), ("save", 2)):
        measured(limit, clock, work, seconds)
    clock.now = 82  # 3 + 1.5 * 10 are needed
    assert not stops(limit)
    clock.now = 82.1
    assert stops(limit)


def test_an_evaluation_needs_room_only_where_it_is_due():
    clock = Clock()
    limit = TimeLimit(100, clock)
    measured(limit, clock, "evaluation", 40)
    clock.now = 70
    assert not stops(limit)
    assert stops(limit, 1)


def test_without_a_limit_nothing_stops_and_nothing_is_saved_early():
    clock = Clock()
    limit = TimeLimit(clock=clock)
    clock.now = 1e12
    assert not stops(limit, 1)
    assert not limit.needs_save


def test_the_first_step_is_saved_to_learn_how_long_that_takes(tiny):
    """And the last one before the end, from which the training goes on exactly."""
    trainer = build_training(load_config(tiny, ["training.checkpoint_every=null"]), RunFolder(tiny.parent / "run"))
    clock = Clock()
    trainer.time_limit = TimeLimit(10.5, clock)
    trainer.batches = (setattr(clock, "now", clock.now + 4) or batch for batch in trainer.batches)
    with pytest.raises(Exception, match=r"^stopped at step 2 of 4 by --max-time$"):
        trainer.run()
    assert [path.name for path in RunFolder(tiny.parent / "run").checkpoints()] == ["step_1", "step_2"]
    settings = ["training.checkpoint_every=null"]
    whole = train(load_config(tiny, settings), "whole")
    assert_equal_weights(train(load_config(tiny, settings), "run", resume=True) / "last", whole / "last")


def test_time_that_is_over_before_the_first_step_is_told(tiny):
    trainer = build_training(load_config(tiny), RunFolder(tiny.parent / "run"))
    clock = Clock()
    trainer.time_limit = TimeLimit(1, clock)
    clock.now = 2  # building took as long
    with pytest.raises(TrainingStopped, match=r"^stopped at step 0 of 4 by --max-time$"):
        trainer.run()
    train(load_config(tiny), "run", resume=True)
    assert_equal_weights(tiny.parent / "run/last", train(load_config(tiny), "whole") / "last")


def test_the_command_stops_and_goes_on(tiny, capsys):
    words = ["train", str(tiny), "--output", "run", "training.steps=100000", "--resume"]
    assert main([*words, "--max-time", "1s"]) == 75
    assert capsys.readouterr().err.endswith(" of 100000 by --max-time\n")
    done = [int(path.name[5:]) for path in RunFolder(tiny.parent / "run").checkpoints()]
    assert main(last_ones([*words, f"training.steps={max(done, default=0) + 1}"])) == 0


@pytest.mark.parametrize("seconds", [0, -1, "3h"])
def test_a_wrong_limit_is_refused(tiny, seconds):
    with pytest.raises(ConfigError, match=r"^max_time: "):
        train(tiny, "run", max_time=seconds)
