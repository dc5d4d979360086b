"""Overrides and options that a command does not use are refused."""

import pytest

from segkit.cli._unused import FOR_TRAINING, refuse_beside, refuse_unused_overrides
from segkit.cli.main import main
from segkit.errors import ConfigError, SegkitError


@pytest.mark.parametrize("override", ["model.x=1", "data.val.limit=3", "data={}", "trainings.steps=3", "criteria=1"])
def test_what_a_command_uses_passes(override):
    refuse_unused_overrides("test", [override], FOR_TRAINING)


def test_all_that_it_does_not_use_is_reported_at_once():
    overrides = [
        "training.seed=1",
        "data.val.limit=1",
        "data.train.batch_size=3",
        "init_from=a",
        "criterion={}",
    ]
    with pytest.raises(ConfigError) as caught:
        refuse_unused_overrides("test", overrides, FOR_TRAINING)
    useless = "has no effect: segkit test does not use this setting. Leave it out."
    assert str(caught.value).splitlines() == [
        f"<command line>: training.seed: {useless}",
        f"<command line>: data.train.batch_size: {useless}",
        f"<command line>: init_from: {useless}",
        f"<command line>: criterion: {useless}",
    ]


def test_a_star_stands_for_any_key():
    refuse_unused_overrides("analyze", ["data.val.dataset.length=3"], ["data.*.limit"])
    with pytest.raises(ConfigError, match=r"data\.val\.limit: has no effect"):
        refuse_unused_overrides("analyze", ["data.val.limit=3"], ["data.*.limit"])


def test_a_single_setting_of_an_unused_section_may_be_used():
    refuse_unused_overrides("test", ["training.precision=bf16"], FOR_TRAINING, used=["training.precision"])
    with pytest.raises(ConfigError, match=r"training\.seed: has no effect"):
        refuse_unused_overrides("test", ["training.seed=3"], FOR_TRAINING, used=["training.precision"])


def test_options_beside_an_option():
    refuse_beside("--resume", [("--reset-head", False)], "It goes on.")
    with pytest.raises(SegkitError) as caught:
        refuse_beside("--resume", [("--reset-head", True), ("init_from", True), ("other", False)], "It goes on.")
    assert str(caught.value) == (
        "--reset-head, init_from: no effect with --resume. It goes on. Leave out: --reset-head, init_from."
    )


@pytest.mark.parametrize("more", [["--reset-head"], ["init_from=runs/x"], ["reset_head=true"]])
def test_a_resumed_training_starts_from_its_own_checkpoint(more, capsys):
    assert main(["train", "x.yaml", "--resume", *more]) == 1
    name = more[0].partition("=")[0]
    assert capsys.readouterr().err == (
        f"error: {name}: no effect with --resume. A resumed training starts from its own newest checkpoint. "
        f"Leave out: {name}.\n"
    )


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["analyze", "x.yaml", "training.steps=3"], "training.steps"),
        (["analyze", "x.yaml", "data.train.limit=3"], "data.train.limit"),
        (["analyze", "x.yaml", "--classes", "3", "data.train.dataset.length=3"], "data.train.dataset.length"),
        (["test", "x.yaml", "training.seed=3"], "training.seed"),
    ],
)
def test_commands_refuse_them_before_they_read_anything(words, name, capsys):
    assert main(words) == 2
    assert capsys.readouterr().err == (
        f"error: <command line>: {name}: has no effect: segkit {words[0]} does not use this setting. Leave it out.\n"
    )
