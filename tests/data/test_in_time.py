"""A sample that cannot be loaded in time is named."""

import threading

import pytest

from segkit.data.in_time import in_time
from segkit.errors import DataError
from segkit.runtime.reading import open_file


def never(index):
    threading.Event().wait()


def test_what_was_loaded_or_raised_is_passed_on():
    assert in_time([5, 6].__getitem__, 1, "data.val", None) == 6
    with pytest.raises(IndexError):
        in_time([].__getitem__, 1, "data.val", 60)


def test_a_sample_that_hangs_is_named():
    with pytest.raises(DataError) as caught:
        in_time(never, 40, "data.train", 0.1)
    assert str(caught.value) == (
        "data.train: image 40 of the dataset is not loaded after 0.1 seconds. Check the file and its disk, or raise "
        "data.train.timeout."
    )


def test_the_file_that_it_reads_is_named(tmp_path):
    (tmp_path / "a.png").touch()

    def load(index):
        open_file(tmp_path / "a.png").close()
        never(index)

    with pytest.raises(DataError) as caught:
        in_time(load, 2, "data.val", 0.5)
    assert str(caught.value).startswith(f"data.val: {tmp_path}/a.png (image 2 of the dataset) is not loaded after 0.5 ")
