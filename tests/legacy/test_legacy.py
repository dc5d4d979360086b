"""Configs, checkpoints and runs of version 0.1.0 load, give the same numbers, and can be resumed."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

import segkit
from segkit.cli.main import main
from tests.legacy.values import results_of, values_of

HERE = Path(__file__).parent
CHECKPOINTS = {"run": ["semantic", "panoptic", "instance"], "per_pixel": ["semantic"]}
EQUAL = 1e-4
"""Logits are about 1, and other processors add in another order: 1.1e-5 was seen."""
CONFIGS = sorted((HERE / "configs").glob("*.yaml"))


def expected(name):
    return json.loads((HERE / "expected" / f"{name}.json").read_text())


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_a_config_means_the_same(config):
    resolved = yaml.safe_load((HERE / "expected" / config.name).read_text())
    patience = resolved["training"].pop("early_stopping", None)
    if patience is not None:
        resolved["training"]["hooks"] = [{"type": "early_stopping", "patience": patience}]
    assert yaml.safe_load(segkit.load_config(config).to_yaml()) == resolved


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_checkpoint_gives_the_same_logits(name):
    values = values_of(HERE / name)
    assert values.keys() == expected(name)["values"].keys()
    for key, numbers in expected(name)["values"].items():
        assert values[key] == pytest.approx(numbers, abs=EQUAL), key


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_checkpoint_gives_the_same_results(name):
    results = results_of(HERE / name, CHECKPOINTS[name])
    for task, summary in expected(name)["results"].items():
        assert len(results[task]) == len(summary)
        for ours, theirs in zip(results[task], summary, strict=True):
            assert ours == pytest.approx(theirs, abs=EQUAL), task


def test_a_run_is_evaluated_to_the_same_metrics(tmp_path):
    assert main(["test", str(HERE / "run"), "--output", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    old = json.loads((HERE / "run" / "evaluation" / "metrics.json").read_text())
    assert found.keys() == old.keys()
    for evaluator, metrics in old.items():
        values = {name: found[evaluator]["values"][name] for name in metrics["values"]}  # later versions have more
        assert values == pytest.approx(metrics["values"], abs=1e-5, nan_ok=True)
        for column, by_class in metrics["per_class"].items():
            assert found[evaluator]["per_class"][column] == pytest.approx(by_class, abs=1e-5, nan_ok=True)


def test_a_run_is_resumed_with_the_same_losses(tmp_path):
    run = tmp_path / "run"
    shutil.copytree(HERE / "run", run)
    old = losses_by_step(run)
    assert main(["train", str(HERE / "configs" / "mask_former.yaml"), "--output", str(run), "--resume"]) == 0
    new = losses_by_step(run)
    assert new.keys() == old.keys()
    for step in (299, 300):
        assert new[step] == pytest.approx(old[step], rel=1e-3), step


def test_a_checkpoint_starts_another_training(tmp_path):
    config = HERE / "configs" / "mask_former.yaml"
    settings = [f"init_from={HERE / 'run'}", "training.steps=1", "data.val.limit=1"]
    assert main(["train", str(config), *settings, "--output", str(tmp_path / "run")]) == 0


def losses_by_step(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {line["step"]: line["losses"] for line in lines if "losses" in line}
