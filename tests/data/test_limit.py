"""The first samples of a dataset."""

import pytest

from segkit.data.limit import Limit
from segkit.datasets.shapes import Shapes


def test_a_limit_keeps_the_first_samples():
    dataset = Shapes(length=7, size=(32, 32))
    limited = Limit(dataset, 3)
    assert limited.classes == dataset.classes
    assert [sample.image_id for sample in limited] == [dataset[index].image_id for index in range(3)]
    with pytest.raises(IndexError):
        limited[3]


@pytest.mark.parametrize(("count", "length"), [(100, 7), (7, 7), (0, 0), (-1, 0)])
def test_a_limit_is_at_most_the_dataset(count, length):
    assert len(Limit(Shapes(length=7), count)) == length
