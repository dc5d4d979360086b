"""Preflight: a minute with the real config and a little of its data tells whether a training works, and its cost."""

import math
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from segkit.build import queries_to_match
from segkit.config import Config, load_config
from segkit.errors import SegkitError, counted
from segkit.evaluation.tables import summary, summary_line
from segkit.evaluation.validation import Validation
from segkit.runtime.processes import join_processes
from segkit.training.build import build_training
from segkit.training.loop import Trainer
from segkit.training.progress import duration
from segkit.training.rehearsal import Memory, Pace, Rehearsal
from segkit.training.run_folder import RunFolder
from segkit.types import Metrics

EVALUATED = 16
"""Images that are evaluated."""

NEARLY_NOTHING = 0.05
"""A metric of start weights below which they hardly know the classes."""


@dataclass(frozen=True)
class Finding:
    """One line of a preflight."""

    about: str
    text: str
    verdict: Literal["ok", "look", "wrong"] = "ok"
    """`look` may be meant; with `wrong`, the training would fail or learn nothing."""


def preflight(
    config: Config, output: str | Path | None = None, *, device: torch.device | str | None = None
) -> list[Finding]:
    """Tries a training: its data, start weights, learning, memory, time and disk. It takes about a minute.

    The weights that it changes are thrown away, and no file is left.

    Args:
        config: Of the training.
        output: The run folder that the training would have; by default one in `runs/`.
        device: As for `segkit.train`.

    Raises:
        SegkitError: The training cannot start, as `segkit.train` says it; or there are several processes.

    Example:
        >>> changes = ["data.train.workers=0", "data.val.workers=0"]
        >>> findings = preflight(load_config("configs/quickstart.yaml", changes), device="cpu")
        >>> [finding.about for finding in findings][:4]
        ['data.train', 'data.val', 'queries', 'learning']
    """
    if join_processes(device).num_processes > 1:
        raise SegkitError("a preflight is made by one process. Start it without a launcher.")
    run = RunFolder.new(config, output)
    with tempfile.TemporaryDirectory(prefix="segkit-preflight-") as folder:
        trainer = build_training(config, RunFolder(Path(folder)), device=device)
        return [*_data(config, trainer), *_model(config, trainer, run)]


def _data(config: Config, trainer: Trainer) -> Iterator[Finding]:
    data = trainer.data
    assert data is not None, "a training that is built from a config looks at its data"
    yield Finding("data.train", data.train.in_words())
    if data.val is not None:
        yield Finding("data.val", data.val.in_words())
    yield from (Finding(text.partition(":")[0], text.partition(": ")[2], "look") for text in data.warnings)
    queries, counts = queries_to_match(config), data.train.counts
    if queries is not None:
        most = max(data.train.tally.most_segments, 0 if counts is None else counts.most_segments)
        text = f"{queries} for at most {counted(most, 'segment')} of an image"
        yield Finding("queries", text, "ok" if most <= queries else "look")


def _model(config: Config, trainer: Trainer, run: RunFolder) -> Iterator[Finding]:
    """Evaluates, learns and measures. In this order: learning changes the weights."""
    # The first note names the run folder, which is a temporary one here.
    yield from (Finding("start", note) for note in trainer.notes[1:])
    evaluation = _Evaluation.of(config, trainer)
    if evaluation is not None and config.experiment.init_from is not None:
        yield _start_weights(evaluation)
    rehearsal = Rehearsal(trainer)
    wanted = len(rehearsal.batch.files)
    if not rehearsal.fit():
        yield Finding("memory", "not even one image fits. Use smaller images, or gradient checkpointing.", "wrong")
        return
    rehearsal.learn()
    yield _learning(rehearsal.losses)
    yield _memory(rehearsal.measure_memory(), wanted, trainer)
    split = config.experiment.data and config.experiment.data.train
    pace = rehearsal.measure_pace(prefetched=2 * split.workers if split else 0)
    yield _time(pace, evaluation, trainer)
    yield _disk(config, trainer, run.path)


@dataclass(frozen=True)
class _Evaluation:
    """An evaluation of a few images."""

    metrics: Mapping[str, Metrics]
    images: int
    seconds: float
    """Of all images, by those that were evaluated."""

    @classmethod
    def of(cls, config: Config, trainer: Trainer) -> "_Evaluation | None":
        data, settings = trainer.data, config.experiment.training
        if data is None or data.val is None or settings is None:
            return None
        few = min(EVALUATED, data.val.length)
        # From the plain values: a config cannot be changed. Its plugins are imported already.
        limited = load_config(config.data, [f"data.val.limit={few}"], name=config.path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # those of data.val were shown when the training was built
            validation = Validation(limited, data.train.classes, getattr(trainer.model, "size_divisor", 1))
        done = [(0, time.perf_counter())]
        metrics = validation.run(
            trainer.model,
            trainer.accelerator.device,
            settings.precision,
            progress=lambda images: done.append((done[-1][0] + images, time.perf_counter())),
        )
        # Without the first batch, for which processes are started, where there are others.
        (first, begun), (last, ended) = done[1 if len(done) > 2 else 0], done[-1]
        return cls(metrics, few, (ended - begun) / (last - first) * data.val.length)


def _start_weights(evaluation: _Evaluation) -> Finding:
    text = f"{summary_line(evaluation.metrics)} on {counted(evaluation.images, 'image')} of data.val"
    first = next(iter(summary(evaluation.metrics).values()))
    if not first >= NEARLY_NOTHING:  # nan included
        advice = "nearly nothing. If it should know the classes, compare their names, and the pixel mean and deviation"
        return Finding("start weights", f"{text}: {advice}", "look")
    return Finding("start weights", text)


def _learning(losses: list[float]) -> Finding:
    text = f"loss {losses[0]:.4g} -> {losses[-1]:.4g} in {counted(losses, 'step')} on one batch"
    if not math.isfinite(losses[-1]):
        return Finding("learning", f"{text}: not finite. Lower training.optimizer.lr, or clip gradients", "wrong")
    if losses[-1] >= losses[0]:
        return Finding("learning", f"{text}: it does not fall. Lower training.optimizer.lr", "look")
    return Finding("learning", text)


def _memory(memory: Memory, wanted: int, trainer: Trainer) -> Finding:
    device = trainer.accelerator.device
    what = "on the GPU" if device.type == "cuda" else "for the whole process"
    text = f"{_size(memory.peak)} {what} with {counted(memory.images, 'image')} a batch"
    if memory.fits is None:
        return Finding("memory", f"{text}; another image takes too little to be measured")
    assert trainer.data is not None, "a training that is built from a config looks at its data"
    whole = trainer.data.train.length
    # More images than a batch is drawn from say nothing.
    fit = (
        f"batches up to about {memory.fits}"
        if memory.fits < whole
        else f"batches of {counted(whole, 'image')}, all there are,"
    )
    text += f", {_size(memory.per_image)} for each further one. Of {_size(memory.usable)}, {fit} fit"
    if memory.images < wanted:
        return Finding("memory", f"{text}; the {wanted} of data.train.batch_size do not", "wrong")
    return Finding("memory", text, "ok" if memory.fits >= wanted else "look")


def _time(pace: Pace, evaluation: _Evaluation | None, trainer: Trainer) -> Finding:
    seconds = trainer.steps * pace.step
    text = f"{counted(trainer.steps, 'step')} of {pace.step:.2f} s"
    slow = pace.waiting > pace.step / 3
    if slow:
        text += f", {pace.waiting:.2f} s of it waiting for data: raise data.train.workers"
    if evaluation is not None:
        every = trainer.settings.evaluate_every or trainer.steps
        times = math.ceil(trainer.steps / every) + trainer.settings.evaluate_start
        seconds += times * evaluation.seconds
        text += f", {counted(times, 'evaluation')} of {duration(evaluation.seconds)}"
    return Finding("time", f"about {duration(seconds)}: {text}", "look" if slow else "ok")


def _disk(config: Config, trainer: Trainer, folder: Path) -> Finding:
    settings = config.experiment.training
    model = _bytes_of(trainer.model.state_dict())
    state = _bytes_of(trainer.optimizer.state_dict())  # hooks have no states before they start
    every = trainer.settings.checkpoint_every or trainer.steps
    kept = min(settings.keep_checkpoints if settings else 1, math.ceil(trainer.steps / every))
    # One more while it is written; `last`, and `best` where there are evaluations.
    needed = (kept + 1) * (model + state) + (2 if trainer.evaluate is not None else 1) * model
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(existing).free
    text = (
        f"about {_size(needed)} of {_size(free)} in {existing}: {counted(kept, 'checkpoint')} of "
        f"{_size(model + state)} kept, models of {_size(model)}"
    )
    return Finding("disk", text if needed < free else f"{text}: too little", "ok" if needed < free else "wrong")


def _bytes_of(values: object) -> int:
    """Returns the size of all tensors in nested containers."""
    if isinstance(values, Tensor):
        return values.nbytes
    if isinstance(values, Mapping):
        return sum(map(_bytes_of, values.values()))
    return sum(map(_bytes_of, values)) if isinstance(values, list | tuple) else 0


def _size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"
