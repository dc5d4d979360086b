"""Settings that have no effect because the training is over before; short trials of long schedules are common."""

import math
from collections.abc import Iterator

from segkit.config import Config
from segkit.config.sections import PartConfig
from segkit.errors import counted

_INTERVALS = {
    "evaluate_every": "only the last step is evaluated",
    "checkpoint_every": "only the last step is saved",
    "log_every": "only the last step is logged",
}
"""Interval -> what happens instead."""


def unreached(config: Config) -> Iterator[str]:
    """Yields a line for each setting that the config sets, whose step comes after the last one.

    Example:
        >>> from segkit.config import load_config
        >>> list(unreached(load_config("configs/quickstart.yaml", ["training.steps=60"])))
        ['training.evaluate_every: 400 steps, but the training takes 60: only the last step is evaluated']
    """
    if config.experiment.training is None:
        return
    training, steps = config["training"], config["training"]["steps"]
    for name, instead in _INTERVALS.items():
        every = training.get(name)
        if isinstance(every, int) and every > steps:
            yield f"training.{name}: {counted(every, 'step')}, but the training takes {steps}: {instead}"
    kept, between = training.get("keep_checkpoints"), config.experiment.training.steps_between_checkpoints
    saved = 1 if between is None else math.ceil(steps / between)
    if isinstance(kept, int) and kept > saved:
        yield f"training.keep_checkpoints: {kept}, but the training saves {saved}: all are kept"
    yield from _long_warmup(training["schedule"], steps)
    for hook in training.get("hooks", []):
        yield from _long_patience(hook, steps, training.get("evaluate_every"))
    if config.experiment.evaluators and config.experiment.data is not None and config.experiment.data.val is None:
        yield "evaluators: no effect without data.val: nothing is evaluated"


def _long_warmup(schedule: PartConfig, steps: int) -> Iterator[str]:
    parts = [schedule.get(name, 0) for name in ("warmup_steps", "backbone_warmup_steps")]
    # A plugin's schedule may mean something else by these names.
    warmup = sum(part for part in parts if isinstance(part, int))
    if warmup >= steps:
        yield (
            f"training.schedule: the warm-up takes {counted(warmup, 'step')}, the training {steps}: the learning rate "
            "never "
            "reaches `lr`"
        )


def _long_patience(hook: PartConfig, steps: int, every: int | None) -> Iterator[str]:
    if hook["type"] not in ("early_stopping", "segkit/early_stopping") or every is None:
        return
    # The first evaluation is the best so far, and there is nothing to stop after the last step.
    evaluations = (steps - 1) // every
    if hook["patience"] >= evaluations:
        yield (
            f"training.hooks: early_stopping: patience is {hook['patience']}, but there are "
            f"{counted(evaluations, 'evaluation')} "
            "before the last step: the training never stops early"
        )
