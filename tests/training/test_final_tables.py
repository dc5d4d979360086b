"""The tables and overlays at the end are those of the best checkpoint."""

import json

import pytest

from segkit.checkpoint import read_weights
from segkit.cli.main import main
from segkit.config import load_config
from segkit.errors import CheckpointError
from segkit.evaluation.validation import Validation
from segkit.training.best_weights import weights_of
from segkit.training.build import build_training
from segkit.training.run_folder import RunFolder
from segkit.training.train import train
from segkit.types import Metrics
from tests.helpers.tiny import assert_equal_weights, lines_of, write_tiny

EACH = ["training.evaluate_every=1", "training.checkpoint_every=1", "training.optimizer.lr=0.01"]
EMA = "training.hooks=[{type: ema, decay: 0.5}]"
PATIENCE = "training.hooks=[{type: early_stopping, patience: 2}]"


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_tiny(tmp_path)


class Evaluate:
    """Stands in for the evaluation: its values come one after the other, and it keeps what it was given."""

    def __init__(self, values):
        self.values = iter(values)
        self.calls = []

    def __call__(self, model, final):
        value = next(self.values)
        self.calls.append((value, final, {name: tensor.clone() for name, tensor in model.state_dict().items()}))
        return {"one": Metrics({"a": value}, {"a": {"sky": value}})}


def ended(tiny, overrides, values, resume=False):
    """Returns the run folder and the evaluations of a training whose evaluations have these values."""
    run = RunFolder(tiny.parent / "run")
    trainer = build_training(load_config(tiny, [*EACH, *overrides]), run, resume)
    trainer.evaluate = Evaluate(values)
    metrics = trainer.run()
    return run, trainer.evaluate.calls, metrics


def same(weights, others):
    return weights.keys() == others.keys() and all(weights[name].equal(others[name]) for name in weights)


@pytest.mark.parametrize("overrides", [[], [EMA]])
def test_the_best_checkpoint_is_evaluated_where_it_is_not_the_last(tiny, overrides, capsys):
    run, calls, metrics = ended(tiny, overrides, [0.1, 0.7, 0.2, 0.3, 0.75])
    assert [(value, final) for value, final, _ in calls] == [
        (0.1, False), (0.7, False), (0.2, False), (0.3, True), (0.75, True),
    ]  # fmt: skip
    assert metrics["one"].values == {"a": 0.75}
    assert same(calls[-1][2], calls[1][2])
    assert same(read_weights(run.best), calls[1][2])
    assert [line["evaluation"]["a"] for line in lines_of(run.path) if "evaluation" in line] == [0.1, 0.7, 0.2, 0.3]
    shown = capsys.readouterr().out
    assert shown.count("per class") == 1
    assert f"{run.best}: a 0.7500\n" in shown


@pytest.mark.parametrize("overrides", [[], [EMA]])
def test_the_weights_of_the_training_are_left_as_they_were(tiny, overrides):
    run, calls, _ = ended(tiny, overrides, [0.1, 0.7, 0.2, 0.3, 0.7])
    other = train(load_config(tiny, [*EACH, *overrides]), output="whole")
    assert_equal_weights(run.last, other / "last")
    assert not same(calls[3][2], calls[4][2])


def test_the_last_evaluation_is_enough_where_it_is_the_best(tiny, capsys):
    _, calls, _ = ended(tiny, [], [0.1, 0.2, 0.3, 0.4])
    assert [final for _, final, _ in calls] == [False, False, False, True]
    assert capsys.readouterr().out.count("per class") == 1


def test_with_early_stopping_too(tiny, capsys):
    run, calls, _ = ended(tiny, [PATIENCE], [0.7, 0.2, 0.3, 0.7])
    assert [(value, final) for value, final, _ in calls[2:]] == [(0.3, False), (0.7, True)]
    assert same(calls[-1][2], read_weights(run.best))
    assert capsys.readouterr().out.count("per class") == 1


def test_a_run_that_is_resumed_after_its_last_evaluation_shows_the_best(tiny):
    with pytest.raises(StopIteration):
        ended(tiny, [], [0.1, 0.7, 0.2, 0.3])  # ends before the best one is evaluated
    run, calls, _ = ended(tiny, [], [0.7], resume=True)
    assert [(value, final) for value, final, _ in calls] == [(0.7, True)]
    assert same(calls[0][2], read_weights(run.best))


def test_an_error_leaves_the_weights_as_they_were(tiny):
    run = train(load_config(tiny, ["training.steps=1"]), output="run")
    model = build_training(load_config(tiny), RunFolder(tiny.parent / "other")).model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    inside = []

    def fail():
        with weights_of(run / "best", model):
            inside.append(same(model.state_dict(), before))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert inside == [False]
    assert same(model.state_dict(), before)


def test_a_checkpoint_of_another_model_is_named(tiny):
    run = train(load_config(tiny, ["training.steps=1"]), output="run")
    config = load_config(tiny, ["model.pixel_decoder.mask_dim=8"])
    model = build_training(config, RunFolder(tiny.parent / "other")).model
    with (
        pytest.raises(CheckpointError, match="is not a checkpoint of this training any more"),
        weights_of(run / "best", model),
    ):
        pass


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_segkit_test_repeats_the_metrics_of_the_training(tiny, precision):
    run = train(load_config(tiny, [f"training.precision={precision}", "training.evaluate_every=2"]), output="run")
    assert main(["test", "run", "--output", "tested"]) == 0
    repeated = json.loads((tiny.parent / "tested/metrics.json").read_text())
    assert repeated == json.loads((run / "evaluation/metrics.json").read_text())


def test_the_precision_of_a_test_can_be_chosen(tiny, monkeypatch):
    train(load_config(tiny, ["training.precision=bf16", "training.steps=1"]), output="run")
    used = []
    run = Validation.run

    def recorded(self, model, device, precision, *arguments):
        used.append(precision)
        return run(self, model, device, precision, *arguments)

    monkeypatch.setattr(Validation, "run", recorded)
    for words in (["--precision", "fp32"], []):
        assert main(["test", "run", *words]) == 0
    assert used == ["fp32", "bf16"]
