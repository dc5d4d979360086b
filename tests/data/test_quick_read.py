"""A dataset is read as long as there is time."""

import itertools

import pytest
import torch

from segkit.data.quick_read import quick_read
from segkit.data.sampling import order_of
from segkit.data.survey import BadImage
from segkit.errors import DataError
from tests.helpers.counted import Drawing, Listed, mapped

BOTH = mapped([0, 0, 1, 1])


class SomeBad(Listed):
    def __getitem__(self, index):
        if index % 10 == 3:
            raise DataError(f"{index}.png: broken.")
        return super().__getitem__(index)


@pytest.mark.parametrize("workers", [0, 2])
def test_everything_is_read_where_there_is_time(workers):
    sound, bad = quick_read(SomeBad([BOTH] * 50), 60, skip=[3, 4], workers=workers)
    assert sound == 50 - 5 - 1
    assert sorted(bad, key=lambda one: one.index) == [
        BadImage(index, f"{index}.png: broken.") for index in (13, 23, 33, 43)
    ]


@pytest.mark.parametrize("workers", [0, 2])
def test_the_time_ends_it_after_what_was_begun(workers):
    ticks = itertools.count()
    dataset = Listed([BOTH] * 1000)
    sound, _ = quick_read(dataset, 3, workers=workers, clock=lambda: next(ticks))
    assert sound == 12  # three times four
    if workers == 0:
        assert dataset.read == order_of(dataset)[:12]


def test_processes_share_the_images():
    parts = []
    for rank in range(3):
        dataset = Listed([BOTH] * 10)
        quick_read(dataset, 60, skip=[5], rank=rank, num_processes=3)
        parts += dataset.read
    assert sorted(parts) == [0, 1, 2, 3, 4, 6, 7, 8, 9]


def test_a_label_that_is_no_class_is_bad():
    _, (bad,) = quick_read(Listed([mapped([0, 7])]), 60)
    assert bad.error.startswith("0.png: the target has the labels [0, 7]")


def test_no_random_number_of_the_training_is_drawn():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for workers in (0, 1):
        quick_read(Drawing([BOTH] * 3), 60, workers=workers)
    assert torch.equal(torch.get_rng_state(), before)


def test_nothing_is_left():
    assert quick_read(Listed([BOTH]), 60, skip=[0], workers=2) == (0, [])
