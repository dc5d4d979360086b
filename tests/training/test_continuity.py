"""A resumed training that would see other images is refused; other changes are reported."""

import re

import pytest

from segkit.config import load_config
from segkit.errors import CheckpointError, ConfigError
from segkit.training.build import build_training
from segkit.training.continuity import changes, keep_pixel_values
from segkit.training.run_folder import RunFolder
from segkit.training.state import SavedState
from segkit.training.train import train
from tests.helpers.overrides import last_ones
from tests.helpers.tiny import write_tiny


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of one step."""
    folder = tmp_path_factory.mktemp("continuity")
    return train(load_config(write_tiny(folder), ["training.steps=1", "training.accumulate=2"]), folder / "run")


def compared(run, *overrides, num_images=8, num_processes=1):
    saved = SavedState(run / "checkpoints/step_1")
    overrides = ["training.steps=1", "training.accumulate=2", *overrides]
    config = load_config(run.parent / "tiny.yaml", last_ones(overrides))
    return changes(saved, keep_pixel_values(saved, config), num_images, num_processes)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["training.log_every=3", "training.evaluate_every=2", "training.checkpoint_every=5"],
        ["data.train.workers=2"],
        ["data.val.batch_size=2", "data.val.workers=1", "data.val.timeout=20"],
        ["training.seed=0"],
    ],
)
def test_what_says_nothing_about_the_training_may_change(run, overrides):
    assert compared(run, *overrides) == []


@pytest.mark.parametrize(
    ("overrides", "processes"),
    [
        (["data.train.batch_size=4", "training.accumulate=1"], 1),
        (["data.train.batch_size=1", "training.accumulate=4"], 1),
    ],
)
def test_the_images_of_a_step_may_be_divided_otherwise(run, overrides, processes):
    assert compared(run, *overrides, num_processes=processes) == []


def test_another_number_of_processes_is_reported(run):
    folder = run / "checkpoints/step_1"
    assert compared(run, "data.train.batch_size=1", num_processes=2) == [
        f"changed since {folder}: processes: 1 -> 2. The order of the images stays"
    ]


@pytest.mark.parametrize(
    ("overrides", "arguments", "problem"),
    [
        (["training.seed=5"], {}, "training.seed: 0 ({folder}/config.yaml) -> 5 (<command line>)"),
        ([], {"num_images": 9}, "the dataset had 8 images and has 9"),
        (
            ["data.train.batch_size=3"],
            {},
            "images a step (data.train.batch_size x training.accumulate x processes): 2 x 2 x 1 -> 3 x 2 x 1; keep 4 "
            "with data.train.batch_size=2",
        ),
        (
            [],
            {"num_processes": 2},
            "images a step (data.train.batch_size x training.accumulate x processes): 2 x 2 x 1 -> 2 x 2 x 2; keep 4 "
            "with data.train.batch_size=1",
        ),
        (
            [],
            {"num_processes": 3},
            "images a step (data.train.batch_size x training.accumulate x processes): 2 x 2 x 1 -> 2 x 2 x 3",
        ),
    ],
)
def test_another_order_of_images_is_refused(run, overrides, arguments, problem):
    folder = run / "checkpoints/step_1"
    with pytest.raises(CheckpointError) as caught:
        compared(run, *overrides, **arguments)
    assert str(caught.value) == (
        f"{folder}: belongs to a training with another order of images: {problem.format(folder=folder)}. Resume with "
        f"the earlier values, or start a new training with init_from={folder}."
    )


def test_other_changes_are_reported(run):
    folder = run / "checkpoints/step_1"
    lines = compared(run, "training.optimizer.lr=0.5", "training.clip_gradients=null", "training.precision=bf16")
    assert lines == [
        f"changed since {folder}: training.optimizer.lr: 0.001 ({folder}/config.yaml) -> 0.5 (<command line>)",
        f"changed since {folder}: training.clip_gradients: 1.0 ({folder}/config.yaml) -> null (<command line>)",
        f"changed since {folder}: training.precision: not set ({folder}/config.yaml) -> bf16 (<command line>)",
    ]


def test_another_length_is_reported(run):
    """Schedules follow from it."""
    folder = run / "checkpoints/step_1"
    assert compared(run, "training.steps=9") == [
        f"changed since {folder}: training.steps: 1 ({folder}/config.yaml) -> 9 (<command line>)"
    ]


def test_what_decides_about_the_best_is_reported(run):
    first, second, best = compared(run, "data.val.dataset.length=2", "training.best_metric=pq")
    assert "data.val.dataset.length: 3 (" in first
    assert "training.best_metric: not set (" in second
    assert best == (
        f"changed since {run}/checkpoints/step_1: `best` stays until a later evaluation has a higher value; remove it, "
        "and the next one decides anew"
    )


def test_the_training_prints_them(run):
    config = load_config(run.parent / "tiny.yaml", ["training.accumulate=2", "training.optimizer.lr=0.5"])
    trainer = build_training(config, RunFolder(run), resume=True)
    assert any("training.optimizer.lr: 0.001" in note for note in trainer.notes)


def test_changed_settings_of_the_optimizer_take_effect(run):
    overrides = ["training.accumulate=2", "training.optimizer.weight_decay=0.5", "training.optimizer.betas=[0.5, 0.6]"]
    trainer = build_training(load_config(run.parent / "tiny.yaml", overrides), RunFolder(run), resume=True)
    groups = trainer.optimizer.param_groups
    assert {group["weight_decay"] for group in groups} == {0.0, 0.5}
    assert {tuple(group["betas"]) for group in groups} == {(0.5, 0.6)}
    assert len(trainer.optimizer.state) == sum(len(group["params"]) for group in groups)


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        (
            "training.optimizer={type: timm, name: adamw, lr: 0.001, options: {amsgrad: true}}",
            "the optimizer has other states with amsgrad True than with False; training.optimizer.type: adamw (",
        ),
        (
            "training.optimizer={type: timm, name: lion}",
            "it has the state of the optimizer torch.optim.adamw.AdamW, which means nothing to timm.optim.lion.Lion; "
            "training.optimizer.type: adamw (",
        ),
    ],
    ids=["switch", "type"],
)
def test_an_optimizer_with_other_states_is_refused_with_the_settings(run, override, problem):
    config = load_config(run.parent / "tiny.yaml", ["training.accumulate=2", override])
    with pytest.raises(CheckpointError) as caught:
        build_training(config, RunFolder(run), resume=True)
    assert f"the training cannot be resumed from it ({problem}" in str(caught.value)


def test_parameters_that_are_grouped_otherwise_are_refused_with_the_settings(run):
    overrides = ["training.accumulate=2", "training.optimizer.weight_decay=0"]
    with pytest.raises(CheckpointError) as caught:
        build_training(load_config(run.parent / "tiny.yaml", overrides), RunFolder(run), resume=True)
    folder = run / "checkpoints/step_1"
    sizes, line = str(caught.value).split("; ")
    assert re.fullmatch(
        rf"{folder}/training_state.pt: the training cannot be resumed from it \(the optimizer has groups of "
        r"\[\d+, \d+\] parameters there, and of \[\d+\] now",
        sizes,
    )
    assert line == (
        f"training.optimizer.weight_decay: not set ({folder}/config.yaml) -> 0.0 (<command line>)). Resume with the "
        f"config it was made with, or start a new training with init_from={folder}."
    )


def test_pixel_values_of_the_checkpoint_are_kept(run, tmp_path):
    saved = SavedState(run / "checkpoints/step_1")
    backbone = "model.backbone={name: tf_efficientnet_lite0, options: {out_indices: [2, 3]}}"
    config = keep_pixel_values(saved, load_config(run.parent / "tiny.yaml", [backbone, "model.pixel_std=[1, 2, 3]"]))
    assert config["model"]["pixel_mean"] == [123.675, 116.28, 103.53]
    assert list(config["model"]["pixel_std"]) == [1.0, 2.0, 3.0]
    assert config.origin("model.pixel_mean") == f"{run}/checkpoints/step_1/config.yaml"


def test_fewer_steps_than_were_made_are_refused(run):
    folder = run / "checkpoints/step_1"
    saved = SavedState(folder)
    saved.state.step = 3
    with pytest.raises(ConfigError) as caught:
        changes(saved, load_config(str(run / "config.yaml"), ["training.steps=2"]), 8, 1)
    assert str(caught.value) == (
        f"<command line>: training.steps: 2 steps, but {folder} has made 3. Set as many or more, or start a new "
        f"training with init_from={folder}."
    )
