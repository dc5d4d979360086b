"""Steps before a training: they learn, stop in time, and make do with fewer images where memory is short."""

import math
from itertools import count

import pytest
import torch

from segkit.config import load_config
from segkit.training.build import build_training
from segkit.training.rehearsal import LEARNING_STEPS, REAL_STEPS, Memory, Rehearsal, images_of
from segkit.training.run_folder import RunFolder


def rehearsal(tiny, *overrides, **settings):
    config = load_config(tiny, ["data.val=null", *overrides])
    return Rehearsal(build_training(config, RunFolder(tiny.parent / "run")), **settings)


def test_a_batch_is_learned(tiny):
    one = rehearsal(tiny, "training.schedule.warmup_steps=1000", "training.steps=2000")
    assert one.fit()
    one.learn()
    assert len(one.losses) == 1 + LEARNING_STEPS
    assert one.losses[-1] < 0.8 * one.losses[0]  # at the full rate, whatever the warm-up
    assert one.trainer.state.step == 0


def test_learning_ends_where_the_loss_is_not_finite(tiny):
    one = rehearsal(tiny, "training.optimizer.lr=1e30")
    one.fit()
    one.learn()
    assert not math.isfinite(one.losses[-1])
    assert len(one.losses) < 1 + LEARNING_STEPS


def test_patience_ends_after_two_steps(tiny):
    clock = count(step=1000)
    one = rehearsal(tiny, clock=lambda: next(clock))
    one.fit()
    one.learn()
    assert len(one.losses) == 3


def test_half_the_batch_where_memory_is_short(tiny, monkeypatch):
    one = rehearsal(tiny, "data.train.batch_size=5")
    step, sizes = one.trainer.training_step, []
    compute = step.compute_gradients

    def short(batches, *at):
        sizes.append(len(batches[0].files))
        if sizes[-1] > 2:
            raise torch.cuda.OutOfMemoryError
        return compute(batches, *at)

    monkeypatch.setattr(step, "compute_gradients", short)
    assert one.fit()
    assert sizes == [5, 2]
    one.measure_pace(prefetched=1)
    assert set(sizes[1:]) == {2}
    assert len(sizes) == 2 + REAL_STEPS
    monkeypatch.setattr(step, "compute_gradients", lambda *_: (_ for _ in ()).throw(torch.cuda.OutOfMemoryError()))
    assert not one.fit()


@pytest.mark.parametrize(("batch_size", "measured"), [(1, [1, 2]), (5, [2, 5])])
def test_memory_is_measured_on_two_numbers_of_images(tiny, monkeypatch, batch_size, measured):
    one = rehearsal(tiny, f"data.train.batch_size={batch_size}")
    sizes = []
    monkeypatch.setattr(one, "make_step", lambda batches: sizes.append(len(batches[0].files)) or 1.0)
    memory = one.measure_memory()
    assert sizes == measured
    assert memory.images == batch_size
    assert 0 < memory.peak < memory.usable


def test_what_fits():
    assert Memory(images=4, peak=50, per_image=10, usable=100).fits == 8  # 90 of 100 may be filled
    assert Memory(images=4, peak=85, per_image=10, usable=100).fits == 4
    assert Memory(images=4, peak=99, per_image=10, usable=100).fits == 3
    assert Memory(images=1, peak=99, per_image=5, usable=10).fits == 0
    assert Memory(images=4, peak=50, per_image=0, usable=100).fits is None


def test_pace(tiny):
    clock = count()
    one = rehearsal(tiny, "training.accumulate=3", clock=lambda: next(clock))
    one.fit()
    pace = one.measure_pace(prefetched=0)
    assert (pace.step, pace.waiting) == (2, 1)  # the clock goes on by one at each look


def test_images_of_a_batch(tiny):
    batch = rehearsal(tiny).batch
    assert images_of(batch, 1).files == batch.files[:1]
    three = images_of(batch, 3)
    assert three.files == [*batch.files, batch.files[0]]
    assert torch.equal(three.images[2], batch.images[0])
    assert len(three.targets) == len(three.sizes) == len(three.image_ids) == 3
