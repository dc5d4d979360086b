"""Batches of worker processes, and their errors."""

import pytest
import torch

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
