"""From a config to a training, and the errors on the way."""

import pytest
import torch

from segkit.config import load_config
from segkit.errors import CheckpointError, ConfigError
from segkit.training.build import build_training
from segkit.training.run_folder import RunFolder
from segkit.training.train import train


def build(tiny, *overrides, resume=False):
    return build_training(load_config(tiny, list(overrides)), RunFolder(tiny.parent / "run"), resume)


def test_the_settings_reach_the_trainer(tiny):
    trainer = build(tiny, "training.accumulate=3", "training.evaluate_every=2", "training.optimizer.lr=0.5")
    settings = trainer.settings
    assert (settings.steps, settings.accumulate, trainer.training_step.clip_gradients) == (4, 3, 1.0)
    assert (settings.log_every, settings.evaluate_every, settings.checkpoint_every) == (1, 2, 1)
    assert trainer.rates.base == [0.5] * len(trainer.optimizer.param_groups)
    assert trainer.evaluate is not None
    files = sorted(path.name for path in (tiny.parent / "run").iterdir())
    assert files == ["SHA256SUMS", "config.yaml", "data_summary.json", "environment.json"]


@pytest.mark.parametrize(
    ("settings", "interval"),
    [
        (["training.steps=160000"], 1000),
        (["training.steps=60"], 6),
        (["training.steps=5"], 1),
        (["training.steps=60", "training.evaluate_every=4"], 4),
        (["training.steps=60", "training.checkpoint_every=20"], 20),
        (["training.steps=60", "training.checkpoint_every=null"], None),
    ],
)
def test_checkpoints_are_written_often_by_default(tiny, settings, interval):
    assert load_config(tiny, settings).experiment.training.steps_between_checkpoints == interval


def test_without_validation_data_nothing_is_evaluated(tiny):
    trainer = build(tiny, "data.val=null", "training.steps=1")
    assert trainer.evaluate is None
    assert trainer.run() is None


@pytest.mark.skipif(torch.accelerator.is_available(), reason="needs a machine without a GPU")
def test_fp16_needs_a_gpu(tiny):
    with pytest.raises(ConfigError) as caught:
        build(tiny, "training.precision=fp16")
    assert str(caught.value) == "<command line>: training.precision: fp16 needs a GPU. Use bf16."


def test_a_metric_that_is_not_there_is_named(tiny):
    with pytest.raises(ConfigError) as caught:
        build(tiny, "training.best_metric=miou")
    assert str(caught.value).startswith(
        "<command line>: training.best_metric: the evaluation has no metric 'miou'. Did you mean 'mean_iou'? "
        "It has: mean_iou, "
    )
    assert not (tiny.parent / "run").exists()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training=null", "training: the section is missing. A training needs it."),
        ("data=null", "data.train: the section is missing. A training needs a dataset."),
        ("data.train=null", "data.train: the section is missing. A training needs a dataset."),
    ],
)
def test_a_missing_section_is_named(tiny, override, message):
    with pytest.raises(ConfigError) as caught:
        build(tiny, override)
    assert str(caught.value) == f"{tiny}: {message}"


def test_a_run_of_other_classes_is_not_resumed(tiny):
    run = train(load_config(tiny, ["training.steps=1"]), "run")
    folder = tiny.parent / "run/checkpoints/step_1"
    names = (folder / "classes.json").read_text()
    (folder / "classes.json").write_text(names.replace('"grass"', '"lawn"'))
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(CheckpointError) as caught:
        build(tiny, resume=True)
    assert str(caught.value) == (
        f"{folder}: has other classes than the dataset (8 classes there, 8 here; only there: 'lawn'; only here: "
        f"'grass'). Resume with the dataset it was made with, or start a new training with init_from={folder}, which "
        "keeps what it knows of classes by name."
    )
    assert run.is_dir()


def test_a_run_of_another_model_is_not_resumed(tiny):
    train(load_config(tiny, ["training.steps=1"]), "run")
    with pytest.raises(CheckpointError, match=r"does not fit the model of .* Resume with the config it was"):
        build(tiny, "model.transformer_decoder.num_queries=9", resume=True)


def test_what_is_never_reached_is_told(tiny):
    line = "training.schedule: the warm-up takes 4 steps, the training 4: the learning rate never reaches `lr`"
    assert line in build(tiny, "training.schedule.warmup_steps=4").notes
    assert line not in build(tiny, "training.schedule.warmup_steps=3").notes


def test_what_a_hook_freezes_is_not_optimized(tiny):
    trainer = build(tiny, "training.hooks=[{type: freeze, parameters: [backbone.*]}]")
    optimized = {parameter for group in trainer.optimizer.param_groups for parameter in group["params"]}
    names = {name for name, parameter in trainer.model.named_parameters() if parameter not in optimized}
    assert names == {name for name, _ in trainer.model.named_parameters() if name.startswith("backbone.")}
    number = sum(parameter.numel() for parameter in optimized)
    assert f": {number / 1e6:.1f} M trainable parameters" in trainer.notes[0]
