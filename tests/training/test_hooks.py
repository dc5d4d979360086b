"""When hooks are called, what they may do, and what is kept where one fails."""

from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import segkit
from segkit.config import load_config
from segkit.errors import CheckpointError, TrainingError
from segkit.testing.hook import tiny_context
from segkit.training import build
from segkit.training.hooks import Hooks
from segkit.training.train import train
from tests.helpers.tiny import assert_equal_weights, lines_of
from tests.training.test_loop import METRICS, by_hand


class Recorder(segkit.Hook):
    """Writes down its calls."""

    def __init__(self, calls, name=""):
        self.calls = calls
        self.name = name
        self.steps = 0

    def on_start(self, context):
        self.calls.append(f"{self.name}start {context.step}")

    def after_step(self, context):
        self.steps += 1
        self.calls.append(f"{self.name}step {context.step}")

    def before_evaluation(self, context):
        self.calls.append(f"{self.name}before")

    def after_evaluation(self, context, metrics):
        self.calls.append(f"{self.name}after {metrics}")

    def on_log(self, context, values):
        self.calls.append(f"{self.name}log {', '.join(values)}")

    def on_end(self, context):
        self.calls.append(f"{self.name}end {context.step}")

    def state(self):
        return {"steps": self.steps}

    def load_state(self, state):
        self.steps = state["steps"]


def test_the_moments_of_a_training():
    calls = []
    by_hand(log_every=2, evaluate=lambda model, final: METRICS, hooks={"one": Recorder(calls)}).run()
    logged = "log losses, gradient_norm, learning_rate, images_per_second, waiting_for_data"
    evaluation = ["before", "log evaluation", "after {'a': 0.5}"]
    assert calls == ["start 0", "step 1", "step 2", logged, *evaluation, "end 2"]


def test_hooks_are_called_in_their_order():
    calls = []
    by_hand(steps=1, log_every=9, hooks={"a": Recorder(calls, "a "), "b": Recorder(calls, "b ")}).run()
    without_logs = [call for call in calls if "log" not in call]
    assert without_logs == ["a start 0", "b start 0", "a step 1", "b step 1", "b end 1", "a end 1"]


def test_a_hook_logs_prints_and_stops(capsys):
    class Loud(segkit.Hook):
        def after_step(self, context):
            context.log({"mine": {"step": context.step}})
            context.print(f"{context.steps} steps")
            context.stop("enough")

    calls = []
    trainer = by_hand(steps=5, log_every=9, hooks={"loud": Loud(), "recorder": Recorder(calls)})
    trainer.run()
    assert "log mine" in calls
    assert trainer.state.step == 1
    assert capsys.readouterr().out == "5 steps\nstopped early at step 1: enough\n"


def test_the_last_weights_of_a_stopped_training_are_evaluated():
    class Enough(segkit.Hook):
        def after_step(self, context):
            context.stop("enough")

    calls = []
    evaluate = lambda model, final: calls.append(final) or METRICS  # noqa: E731
    assert by_hand(steps=5, log_every=9, evaluate=evaluate, hooks={"enough": Enough()}).run() == METRICS
    assert calls == [True]


def test_another_model_is_evaluated():
    class Other(segkit.Hook):
        def before_evaluation(self, context):
            context.evaluated_model = other

    other, seen = nn.Linear(1, 1), []
    by_hand(steps=1, evaluate=lambda model, final: seen.append(model) or METRICS, hooks={"other": Other()}).run()
    assert seen == [other]


class Failing(segkit.Hook):
    def after_step(self, context):
        if context.step == 2:
            raise ValueError("a hook fails")


def test_an_error_of_a_hook_loses_nothing(tiny, monkeypatch):
    """The step is saved with the states of the other hooks, also of those that come later."""

    def train_with(output, resume=False, **hooks):
        monkeypatch.setattr(build, "build_hooks", lambda parts, model: hooks)
        return train(load_config(tiny, ["training.checkpoint_every=null"]), output, resume)

    calls, recorder, resumed = [], Recorder([]), Recorder([])
    whole = train_with("whole", recorder=recorder)
    with pytest.raises(ValueError, match="a hook fails"):
        train_with("broken", failing=Failing(), recorder=Recorder(calls))
    assert calls[-2:] == ["step 2", "end 2"]
    broken = train_with("broken", resume=True, recorder=resumed)
    assert resumed.steps == recorder.steps == 4
    assert_equal_weights(whole / "last", broken / "last")


class Stateless(segkit.Hook):
    """Has no state that could be saved."""

    def state(self):
        raise ValueError("no state.")


def test_a_hook_without_state_ends_the_training_and_the_step_is_saved_without_it(tiny, monkeypatch, capsys):
    """With the states of the others. `best` alone would be no help."""

    def train_with(output, resume=False, **hooks):
        monkeypatch.setattr(build, "build_hooks", lambda parts, model: hooks)
        return train(load_config(tiny, ["training.checkpoint_every=2"]), output, resume)

    with pytest.raises(ValueError, match=r"no state\."):
        train_with("broken", stateless=Stateless(), recorder=Recorder([]))
    line = "step 2 is saved without the state of hook 'stateless' (no state); continue with --resume --output broken"
    assert line in capsys.readouterr().out
    recorder = Recorder([])
    broken = train_with("broken", resume=True, recorder=recorder)
    assert recorder.steps == 4
    assert_equal_weights(train_with("whole") / "last", broken / "last")


def test_a_hook_whose_state_is_missing_starts_anew_and_says_so(tiny, monkeypatch, capsys):
    """Its state could not be saved, or it is new. Hooks without state have nothing to tell."""

    def train_with(resume=False, **hooks):
        monkeypatch.setattr(build, "build_hooks", lambda parts, model: hooks)
        train(load_config(tiny, [f"training.steps={4 if resume else 2}"]), "run", resume)
        return [line for line in capsys.readouterr().out.splitlines() if line.startswith("hook ")]

    assert train_with(recorder=Recorder([])) == []
    hooks = {"recorder": Recorder([]), "new": Recorder([]), "silent": Failing(), "stateless": Stateless()}
    with pytest.raises(ValueError, match=r"no state\."):
        train_with(resume=True, **hooks)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("hook ")] == [
        "hook 'new': the checkpoint has no state of it, so it starts anew",
        "hook 'stateless': the checkpoint has no state of it, so it starts anew",
    ]


def test_hooks_that_started_end_where_another_cannot_start():
    class Broken(segkit.Hook):
        def on_start(self, context):
            raise ValueError("cannot start")

    calls = []
    with pytest.raises(ValueError, match="cannot start"):
        by_hand(hooks={"one": Recorder(calls), "broken": Broken()}).run()
    assert calls == ["start 0", "end 0"]


def test_random_numbers_of_a_start_change_nothing(tiny, monkeypatch):
    class Drawing(segkit.Hook):
        def on_start(self, context):
            torch.rand(1)

    plain = train(load_config(tiny), output="plain")
    monkeypatch.setattr(build, "build_hooks", lambda parts, model: {"drawing": Drawing()})
    assert_equal_weights(plain / "last", train(load_config(tiny), output="drawing") / "last")


def test_a_state_that_does_not_fit_is_named():
    hooks = Hooks({"counter": Recorder([])}, tiny_context(nn.Linear(1, 1)))
    hooks.saved = {"counter": {"other": 1}, "removed": {}}
    with pytest.raises(CheckpointError) as caught, hooks:
        pass
    assert str(caught.value) == (
        "hook 'counter': cannot go on from its saved state ('steps'). Resume with the config that the checkpoint was "
        "made with, or start a new training with init_from."
    )


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (np.float64(1.5), "['seen'] is of the type numpy.float64"),
        ([1, Path("a")], "['seen'][1] is of the type pathlib."),
        ({"deep": defaultdict(int)}, "['seen']['deep'] is of the type collections.defaultdict"),
        (lambda: 1, "['seen'] is of the type builtins.function"),
    ],
)
def test_a_state_that_could_not_be_read_again_is_not_saved(value, found):
    recorder = Recorder([])
    hooks = Hooks({"counter": recorder}, tiny_context(nn.Linear(1, 1)))
    recorder.state = lambda: {"steps": 1, "seen": value}
    states, errors = hooks.states()
    assert states == {}
    assert isinstance(errors["counter"], TrainingError)
    assert str(errors["counter"]).startswith(f"hook 'counter': state(){found}")
    recorder.state = lambda: {"steps": torch.ones(2), "seen": OrderedDict(a=(1, 2.0, None, {"b"}))}
    states, errors = hooks.states()
    assert (list(states), errors) == (["counter"], {})


def test_changed_hooks_are_reported(tiny, capsys):
    run = train(load_config(tiny, ["training.steps=1"]), output="run")
    train(load_config(tiny, ["training.steps=2", "training.hooks=[{type: ema}]"]), output="run", resume=True)
    line = f"changed since {run}/checkpoints/step_1: training.hooks.0.type: not set ("
    assert line in capsys.readouterr().out
    assert torch.load(run / "checkpoints/step_2/training_state.pt")["hooks"]["ema"]["n_averaged"] == 1
    assert [line["step"] for line in lines_of(run) if "losses" in line] == [1, 2]
