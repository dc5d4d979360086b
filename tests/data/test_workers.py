"""Batches of worker processes, and their errors."""

import gc
import multiprocessing
import os
import re
import resource
import signal
import sys
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
        list(made(load, [[("a", 3)]], 1, collate=lose))
    assert (
        str(caught.value) == f"data.train: a batch was lost on its way from a loading process (cannot be sent). {RAISE}"
    )


RAISE = "Raise the limit that it names (`ulimit -a`), or use fewer workers (data.train.workers)."


def allow_no_further_file():
    """Returns the earlier limit."""
    gc.collect()  # files of earlier loaders, closed later, would make room below the limit
    earlier = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, earlier[1]))
    return earlier


@pytest.fixture
def unraisable(monkeypatch):
    """What Python would print about errors that cannot be raised."""
    printed = []
    monkeypatch.setattr(sys, "unraisablehook", printed.append)
    return printed


def test_processes_that_cannot_be_started(unraisable):
    batches = made(load, [[("a", 3)]], 1)
    earlier = allow_no_further_file()
    try:
        with pytest.raises(DataError) as caught:
            list(batches)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, earlier)
    assert str(caught.value) == (f"data.train: the 1 loading process cannot be started (Too many open files). {RAISE}")
    del caught, batches
    gc.collect()
    assert not unraisable


def test_a_limit_of_threads(monkeypatch, unraisable):
    def fail(thread):
        raise RuntimeError("can't start new thread")

    batches = made(load, [[("a", 3)]], 1)
    monkeypatch.setattr("threading.Thread.start", fail)
    with pytest.raises(DataError, match=r"cannot be started \(can't start new thread\)\. Raise"):
        list(batches)
    assert not unraisable
    assert not multiprocessing.active_children()


def test_a_loading_process_without_a_free_file(tmp_path):
    def load_without_files(place):
        allow_no_further_file()
        return load(place)

    with pytest.raises(DataError) as caught:
        list(made(load_without_files, [[("a", 3)]], 1))
    lost = r"data\.train: a batch was lost on its way from a loading process \(.*Too many open files.*\)\. "
    assert re.fullmatch(lost + re.escape(RAISE), str(caught.value))


def test_a_batch_that_cannot_be_taken_over(monkeypatch):
    def fail(*_, **__):
        raise RuntimeError(
            "unable to open shared memory object </torch_1> in read-write mode: Too many open files (24)"
        )

    monkeypatch.setattr("torch.utils.data.dataloader._MultiProcessingDataLoaderIter._try_get_data", fail)
    with pytest.raises(DataError, match=r"a loading process \(unable to open .*: Too many open files \(24\)\)\. Raise"):
        list(made(load, [[("a", 3)]], 1))


def test_an_error_of_a_part_keeps_the_traceback_of_the_worker():
    def fail(place):
        raise ValueError("odd")

    with pytest.raises(ValueError, match=r"Caught ValueError in DataLoader worker process 0\.[^$]*in fail"):
        list(made(fail, [[("a", 3)]], 1))
    with pytest.raises(RuntimeError, match=r"Caught RuntimeError in DataLoader worker process 0\."):
        list(made(lambda place: torch.zeros(2) @ torch.zeros(3), [[("a", 3)]], 1))


def test_a_batch_that_does_not_come():
    """Its process waits, but not for a sample."""

    def wait(samples):
        time.sleep(1000)

    with pytest.raises(DataError) as caught:
        list(made(load, [[("a", 3)]], 1, timeout=1, collate=wait))
    assert str(caught.value) == (
        "data.train: no batch came for 1 seconds. No process is loading a sample: the batch was lost on its way. Check "
        "the file and its disk, or raise data.train.timeout."
    )
