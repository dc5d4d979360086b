"""Batches of worker processes, and their errors."""

import multiprocessing
import os
import re
import signal
import time

import pytest
import torch
from torch.utils.data import get_worker_info

from segkit.data.collating import collate_evaluation
from segkit.data.workers import WorkerBatches
from segkit.errors import DataError
from segkit.runtime.reading import read_bytes
from segkit.types import Batch, Sample, Target


def load(place):
    name, width = place
    if width == 0:
        raise DataError(f"{name}: broken.")
    target = Target(torch.tensor([0]), torch.zeros(2, width, dtype=torch.int16))
    return Sample(torch.zeros(3, 2, width, dtype=torch.uint8), target, name, name)


def made(load, batches, workers, timeout=60, collate=None):
    options = {"index_of": lambda place: place[1], "timeout": timeout, "section": "data.train"}
    return WorkerBatches(load, collate or collate_one_by_one, batches, workers, **options)


def collate_one_by_one(samples):
    return collate_evaluation(samples, size_divisor=1)


@pytest.mark.parametrize("workers", [0, 1])
def test_places_may_be_anything(workers):
    batches = made(load, [[("a", 3), ("b", 4)], [("c", 5)]], workers)
    for _ in range(2):
        assert [batch.files for batch in batches] == [["a", "b"], ["c"]]


@pytest.mark.parametrize("workers", [0, 1])
def test_the_first_error_of_a_batch_is_raised_as_it_is(workers):
    batches = iter(made(load, [[("a", 3)], [("b", 4), ("c", 0), ("d", 0)]], workers))
    assert next(batches).files == ["a"]
    with pytest.raises(DataError, match=r"^c: broken\.$"):
        next(batches)


ADVICE = "The system kills processes when memory is full: use fewer workers (data.train.workers) or smaller batches."


def caught_at(file, act, workers=1, **settings):
    """Returns the error of a loader whose second sample acts in a worker, after it has read a file."""

    def load_or_act(place):
        if place[1] == 7:
            assert get_worker_info() is not None
            read_bytes(file)
            act()
        return load(place)

    with pytest.raises(DataError) as caught:
        list(made(load_or_act, [[("a", 3)], [("b", 7)], [("c", 4)]], workers, **settings))
    return str(caught.value)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "b.png"
    path.write_bytes(b"content")
    return path


def test_a_killed_worker_is_one_line_that_names_the_sample(file):
    text = caught_at(file, lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert re.fullmatch(
        rf"data\.train: loading process 0 \(pid \d+\) was killed by SIGKILL while it loaded {re.escape(str(file))} "
        rf"\(image 7 of the dataset\)\. {re.escape(ADVICE)}",
        text,
    )


def test_a_worker_that_exits_tells_its_code(file):
    text = caught_at(file, lambda: os._exit(3))
    assert f"has ended with exit code 3 while it loaded {file} (image 7 of the dataset). " in text


def test_a_worker_that_dies_between_samples_names_the_last_one():
    """And raises nothing where the program is, but at the next batch. It may have begun one of the next samples."""
    batches = iter(made(load, [[("a", 3)] for _ in range(100)], 1))
    next(batches)
    (process,) = multiprocessing.active_children()
    process.kill()
    process.join()
    with pytest.raises(
        DataError, match=r"was killed by SIGKILL (after it had|while it) loaded image 3 of the dataset\. "
    ):
        list(batches)


def test_a_worker_that_dies_before_its_first_sample():
    board = WorkerBatches(load, collate_one_by_one, [], 1, index_of=int, timeout=1, section="data.val")
    assert board._describe_death([]).startswith("data.val: a loading process has ended before its first sample. ")


def test_a_worker_that_hangs_is_named_with_its_sample_and_ended(file):
    before = signal.signal(signal.SIGTERM, lambda *_: None)  # as in a training
    try:
        text = caught_at(file, lambda: time.sleep(1000), timeout=2)
    finally:
        signal.signal(signal.SIGTERM, before)
    found = re.fullmatch(
        r"data\.train: no batch came for 2 seconds\. Loading process 0 \(pid (\d+)\) is still at "
        rf"{re.escape(str(file))} \(image 7 of the dataset\)\. "
        r"Check the file and its disk, or raise data\.train\.timeout\.",
        text,
    )
    stuck = [process for process in multiprocessing.active_children() if process.pid == int(found[1])]
    for process in stuck:
        process.join(60)
        assert process.exitcode == -signal.SIGKILL


def test_a_batch_that_is_lost_on_its_way():
    class Lost(Batch):
        def __reduce__(self):
            raise ValueError("cannot be sent")

    def lose(samples):
        return Lost(**vars(collate_one_by_one(samples)))

    with pytest.raises(DataError) as caught:
        list(made(load, [[("a", 3)]], 1, timeout=1, collate=lose))
    assert str(caught.value) == (
        "data.train: no batch came for 1 seconds. No process is loading a sample: the batch was lost on its way. Check "
        "the file and its disk, or raise data.train.timeout."
    )
