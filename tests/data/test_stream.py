"""Which image stands where in the stream, and what random numbers it gets."""

import itertools

import torch

from segkit.data.stream import TrainingSamples, TrainingStream
from segkit.datasets.shapes import Shapes


def places(count, **settings):
    stream = TrainingStream(5, **{"seed": 0, "batch_size": 2} | settings)
    return list(itertools.islice(stream, count))


def test_positions_count_up_over_batches_and_epochs():
    assert [position for batch in places(6) for position, _ in batch] == list(range(12))
    indices = [index for batch in places(5) for _, index in batch]
    assert sorted(indices[:5]) == sorted(indices[5:]) == [0, 1, 2, 3, 4]


def test_the_start_skips_batches():
    assert places(3, start_batch=4) == places(7)[4:]


def test_processes_take_consecutive_batches_of_a_step():
    first, second = places(2, rank=0, num_processes=2), places(2, rank=1, num_processes=2)
    assert [first[0], second[0], first[1], second[1]] == places(4)


def test_random_numbers_depend_on_the_position_alone():
    drawn = []

    def draw(sample):
        drawn.append(torch.rand(()).item())
        return sample

    samples = TrainingSamples(Shapes(size=(32, 32)), [draw], seed=0)
    torch.manual_seed(7)
    expected = torch.rand(())
    torch.manual_seed(7)
    for place in [(3, 0), (4, 0), (3, 1)]:
        samples(place)
    assert drawn[0] == drawn[2] != drawn[1]
    assert torch.rand(()) == expected
