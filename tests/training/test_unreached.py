"""What a training never reaches is told before its first step."""

import pytest

from segkit.config import load_config
from segkit.training.unreached import unreached


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            ["training.evaluate_every=5"],
            "training.evaluate_every: 5 steps, but the training takes 4: only the last step is evaluated",
        ),
        (
            ["training.checkpoint_every=9"],
            "training.checkpoint_every: 9 steps, but the training takes 4: only the last step is saved",
        ),
        (
            ["training.log_every=20"],
            "training.log_every: 20 steps, but the training takes 4: only the last step is logged",
        ),
        (
            ["training.schedule.warmup_steps=4"],
            "training.schedule: the warm-up takes 4 steps, the training 4: the learning rate never reaches `lr`",
        ),
        (
            ["training.schedule={type: poly, warmup_steps: 2, backbone_warmup_steps: 3}"],
            "training.schedule: the warm-up takes 5 steps, the training 4: the learning rate never reaches `lr`",
        ),
        (
            ["training.hooks=[{type: early_stopping, patience: 3}]", "training.evaluate_every=1"],
            "training.hooks: early_stopping: patience is 3, but there are 3 evaluations before the last step: the "
            "training never stops early",
        ),
        (
            ["training.keep_checkpoints=3", "training.checkpoint_every=2"],
            "training.keep_checkpoints: 3, but the training saves 2: all are kept",
        ),
        (["data.val=null"], "evaluators: no effect without data.val: nothing is evaluated"),
    ],
)
def test_a_line(tiny, overrides, line):
    assert list(unreached(load_config(tiny, overrides))) == [line]


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["training=null"],
        ["training.keep_checkpoints=2", "training.checkpoint_every=3"],
        ["training.evaluate_every=4", "training.checkpoint_every=auto", "training.log_every=4"],
        ["training.schedule={type: poly, warmup_steps: 3}"],
        ["training.hooks=[{type: early_stopping, patience: 2}]", "training.evaluate_every=1"],
        ["data.val=null", "evaluators=[]"],
    ],
)
def test_no_line(tiny, overrides):
    assert list(unreached(load_config(tiny, overrides))) == []
