"""Errors of a dataset tell which sample it is."""

import sys
import traceback

import pytest

from segkit.data.limit import Limit
from segkit.data.loading import evaluation_sample
from segkit.data.quick_read import quick_read
from segkit.data.read_sample import read_sample
from segkit.data.sampling import sample_dataset
from segkit.data.stream import TrainingSamples
from segkit.datasets.shapes import Shapes
from segkit.errors import DataError


class Foreign(Shapes):
    """Somebody's dataset, whose second image is broken."""

    error: Exception = DataError("no mask is left: all are empty.")

    def __getitem__(self, index):
        if index == 1:
            raise self.error
        return super().__getitem__(index)


NAMED = "image 1 of the dataset Foreign: no mask is left: all are empty."


@pytest.mark.parametrize(
    "read",
    [
        lambda dataset: read_sample(dataset, 1),
        lambda dataset: read_sample(Limit(dataset, 2), 1),
        lambda dataset: TrainingSamples(dataset, [], seed=0)((5, 1)),
        lambda dataset: evaluation_sample(dataset, [], 1),
    ],
)
def test_the_image_is_named(read):
    with pytest.raises(DataError) as caught:
        read(Foreign(length=2))
    assert str(caught.value) == NAMED


def test_the_image_is_named_where_bad_ones_are_collected():
    dataset = Foreign(length=2)
    assert [one.error for one in sample_dataset(dataset, "data.train", 60).bad] == [NAMED]
    assert [one.error for one in quick_read(dataset, 60)[1]] == [NAMED]


@pytest.mark.parametrize("name", ["a.png", "my images/1: 2/a", "shards.tar", "C:\\images\\a"])
def test_a_file_that_is_named_is_enough(name):
    dataset = Foreign(length=2)
    dataset.error = DataError(f"{name}: is broken.")
    with pytest.raises(DataError) as caught:
        read_sample(dataset, 1)
    assert caught.value is dataset.error


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes")
def test_the_traceback_of_a_fault_tells_the_image():
    dataset = Foreign(length=2)
    dataset.error = KeyError("mask")
    with pytest.raises(KeyError) as caught:
        read_sample(dataset, 1)
    assert traceback.format_exception(caught.value)[-1] == "raised by image 1 of the dataset Foreign\n"
