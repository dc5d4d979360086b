"""How often an image of a rare class comes, over many epochs and in any number of processes."""

from itertools import chain, islice

import numpy as np
import pytest

from segkit.data.repeat_factors import drawn_images, epoch_length, repeat_factors
from segkit.data.stream import TrainingStream

IMAGE_CLASSES = [[0]] * 14 + [[0, 1], [1], [0, 2], [], [0], [0]]
"""Of 20 images, 17 have class 0, two have class 1, one has class 2, and none has class 3."""

FACTORS = repeat_factors(IMAGE_CLASSES, num_classes=4, threshold=0.4)


def stream(count, factors=FACTORS, **settings):
    settings = {"seed": 3, "batch_size": 4, **settings}
    return list(islice(TrainingStream(len(factors), repeat_factors=factors, **settings), count))


def indices(batches):
    return [index for _, index in chain.from_iterable(batches)]


def test_an_image_has_the_largest_factor_of_its_classes():
    assert pytest.approx([1] * 14 + [2, 2, 8**0.5, 1, 1, 1]) == FACTORS
    assert repeat_factors([[0, 1], [0]], num_classes=2, threshold=0.5) == [1.0, 1.0]
    assert repeat_factors([[], []], num_classes=2, threshold=1) == [1.0, 1.0]


def test_over_all_offsets_each_image_comes_as_often_as_its_factor_says():
    offsets = (np.arange(1000) + 0.5) / 1000
    drawn = [np.bincount(drawn_images(FACTORS, offset), minlength=20) for offset in offsets]
    length = epoch_length(FACTORS)
    assert {int(counts.sum()) for counts in drawn} == {length} == {24}
    expected = np.array(FACTORS) * length / sum(FACTORS)
    assert np.mean(drawn, axis=0) == pytest.approx(expected, abs=2e-3)
    assert all((counts >= np.floor(expected)).all() and (counts <= np.ceil(expected)).all() for counts in drawn)


def test_counts_of_classes_over_many_epochs():
    epochs, length = 400, epoch_length(FACTORS)
    drawn = np.bincount(indices(stream(epochs * length // 4)), minlength=20) / epochs
    for label, images in enumerate(([*range(15), 16, 18, 19], [14, 15], [16])):
        expected = sum(FACTORS[image] for image in images) * length / sum(FACTORS)
        assert drawn[images].sum() == pytest.approx(expected, rel=0.01), label


def test_each_epoch_has_an_order_of_its_own():
    length = epoch_length(FACTORS)
    drawn = indices(stream(2 * length, batch_size=1))
    first, second = drawn[:length], drawn[length:]
    assert set(first) == set(second) == set(range(20))
    assert first != second
    assert first != sorted(first)


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_and_a_new_start_keep_the_order(processes):
    one = indices(stream(40, batch_size=8))
    settings = {"batch_size": 8 // processes, "num_processes": processes}
    parts = [stream(40, rank=rank, **settings) for rank in range(processes)]
    assert indices(chain.from_iterable(zip(*parts, strict=True))) == one
    later = [stream(33, rank=rank, start_batch=7, **settings) for rank in range(processes)]
    assert indices(chain.from_iterable(zip(*later, strict=True))) == one[56:]


def test_the_last_place_is_in_the_last_image():
    factors = [1.0, 1.1, 1.7] * 1001
    assert drawn_images(factors, np.nextafter(1.0, 0.0)).max() == len(factors) - 1
