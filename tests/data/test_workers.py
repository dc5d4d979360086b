"""Batches of worker processes, and their errors."""

import os
import signal

import pytest
import torch
from torch.utils.data import get_worker_info

from segkit.data.collating import collate_evaluation
from segkit.data.workers import WorkerBatches
from segkit.errors import DataError
from segkit.types import Sample, Target


def load(place):
    name, width = place
    if width == 0:
        raise DataError(f"{name}: broken.")
    target = Target(torch.tensor([0]), torch.zeros(2, width, dtype=torch.int16))
    return Sample(torch.zeros(3, 2, width, dtype=torch.uint8), target, name, name)


def collate(samples):
    return collate_evaluation(samples, size_divisor=1)


@pytest.mark.parametrize("workers", [0, 1])
def test_places_may_be_anything(workers):
    batches = WorkerBatches(load, collate, [[("a", 3), ("b", 4)], [("c", 5)]], workers)
    for _ in range(2):
        assert [batch.files for batch in batches] == [["a", "b"], ["c"]]


@pytest.mark.parametrize("workers", [0, 1])
def test_the_first_error_of_a_batch_is_raised_as_it_is(workers):
    batches = iter(WorkerBatches(load, collate, [[("a", 3)], [("b", 4), ("c", 0), ("d", 0)]], workers))
    assert next(batches).files == ["a"]
    with pytest.raises(DataError, match=r"^c: broken\.$"):
        next(batches)


def killed_in_the_worker(place):
    assert get_worker_info() is not None
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_is_one_line():
    with pytest.raises(DataError) as caught:
        next(iter(WorkerBatches(killed_in_the_worker, list, [[0]], 1)))
    text = str(caught.value)
    assert text.startswith("a process that loads data has ended: DataLoader worker (pid")
    assert text.endswith("Use fewer workers (data.train.workers, data.val.workers) or smaller batches.")
    assert "\n" not in text
