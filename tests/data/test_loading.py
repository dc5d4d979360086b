"""Order, random numbers, padding and errors of batches, with and without worker processes."""

import itertools
import re
import subprocess
import sys
import textwrap

import pytest
import torch

from segkit.classes import Classes
from segkit.data.loading import (
    Limit,
    collate_evaluation,
    collate_training,
    evaluation_loader,
    padded_size,
    training_loader,
)
from segkit.errors import DataError
from segkit.types import NO_SEGMENT, ImageSizes, Sample, Target


class Numbers:
    """Image `i` has the value i everywhere, and is i + 1 pixels wide; `broken` ones cannot be read."""

    classes = Classes.make(["a", "b"])

    def __init__(self, length=7, broken=()):
        self.length = length
        self.broken = broken

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        if index in self.broken:
            raise DataError(f"{index}.png: it is broken. Mend it.")
        size = (4, index + 1)
        target = Target(torch.tensor([0]), torch.zeros(size, dtype=torch.int16))
        return Sample(torch.full((3, *size), index, dtype=torch.uint8), target, f"{index}.png", index)


def shuffle_values(sample):
    """A transform whose result shows the random numbers it was given."""
    noise = torch.randint(0, 200, sample.image.shape, dtype=torch.uint8)
    return Sample(noise, sample.target, sample.file, sample.image_id)


def batches(count, dataset=None, transforms=(shuffle_values,), **settings):
    settings = {"batch_size": 3, "workers": 0, "size_divisor": 4, "seed": 0} | settings
    stream = training_loader(Numbers() if dataset is None else dataset, transforms, **settings)
    return list(itertools.islice(stream, count))


def ids(batches):
    return [batch.image_ids for batch in batches]


def assert_equal(ours, theirs):
    assert ids(ours) == ids(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one.images, other.images)
        assert one.sizes == other.sizes
        for target, same in zip(one.targets, other.targets, strict=True):
            assert torch.equal(target.segment_map, same.segment_map)


def test_workers_change_nothing():
    assert_equal(batches(5, workers=2), batches(5))


def test_training_goes_on_as_if_it_had_not_stopped():
    assert_equal(batches(3, start_batch=4, workers=1), batches(7)[4:])


def test_processes_share_each_step():
    shares = [batches(4, rank=rank, num_processes=2) for rank in range(2)]
    together = [images for pair in zip(*map(ids, shares), strict=True) for images in pair]
    assert together == ids(batches(8))


def test_every_image_comes_once_an_epoch_in_another_order_each_time():
    stream = list(itertools.chain(*ids(batches(14))))
    epochs = [stream[start : start + 7] for start in range(0, 42, 7)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_another_seed_gives_another_order_and_other_random_numbers():
    ours, theirs = batches(4), batches(4, seed=1)
    assert ids(ours) != ids(theirs)
    alone = [batches(1, Numbers(1), batch_size=2, seed=seed)[0].images for seed in (0, 1)]
    assert not torch.equal(alone[0], alone[1])
    assert not torch.equal(alone[0][0], alone[0][1])


def test_loading_leaves_the_global_random_numbers_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    batches(2)
    list(evaluation_loader(Numbers(), [], batch_size=2, workers=1, size_divisor=1))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_evaluation_takes_every_image_once_as_often_as_wanted(workers):
    loader = evaluation_loader(Numbers(), [], batch_size=3, workers=workers, size_divisor=1)
    for _ in range(2):
        assert ids(loader) == [[0, 1, 2], [3, 4, 5], [6]]


def test_evaluation_is_shared_without_repeats():
    shares = [
        ids(evaluation_loader(Numbers(3), [], batch_size=2, workers=0, size_divisor=1, rank=rank, num_processes=4))
        for rank in range(4)
    ]
    assert shares == [[[0]], [[1]], [[2]], []]


def test_evaluation_transforms_the_image_alone():
    def halve(sample):
        assert sample.target is None
        return Sample(sample.image[:, ::2, ::2], None, sample.file, sample.image_id)

    (batch,) = evaluation_loader(Numbers(6), [halve], batch_size=6, workers=0, size_divisor=4)
    assert batch.images.shape == (6, 3, 4, 4)
    assert batch.sizes[5] == ImageSizes(padded=(4, 4), unpadded=(2, 3), output=(4, 6))
    assert batch.targets[5].size == (4, 6)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_worker_s_error_arrives_as_it_is(workers):
    loader = evaluation_loader(Numbers(broken=(4,)), [], batch_size=2, workers=workers, size_divisor=1)
    with pytest.raises(DataError, match=r"^4\.png: it is broken\. Mend it\.$"):
        list(loader)
    with pytest.raises(DataError, match=r"^4\.png: it is broken\. Mend it\.$"):
        batches(3, Numbers(broken=(4,)), workers=workers)


def test_a_limit_leaves_the_first():
    limited = Limit(Numbers(), 3)
    assert limited.classes == Numbers.classes
    assert [limited[index].image_id for index in range(len(limited))] == [0, 1, 2]
    assert len(Limit(Numbers(), 100)) == 7
    with pytest.raises(IndexError):
        limited[3]


@pytest.mark.parametrize("empty", [Numbers(0), Limit(Numbers(), 0)])
def test_an_empty_data_set_is_an_error(empty):
    message = re.escape("the data set Numbers has no image. Check its paths, and 'limit'.")
    with pytest.raises(DataError, match=f"^{message}$"):
        batches(1, empty)
    with pytest.raises(DataError, match=f"^{message}$"):
        evaluation_loader(empty, [], batch_size=1, workers=0, size_divisor=1)


def test_padded_sizes():
    assert padded_size([(5, 3), (2, 9)], 4) == (8, 12)
    assert padded_size([(5, 3)], 1) == (5, 3)


def sample(width, target):
    return Sample(torch.full((3, 2, width), 9, dtype=torch.uint8), target, f"{width}.png", width)


def test_a_training_batch_is_padded_with_nothing():
    segments = torch.tensor([[0, 1], [0, NO_SEGMENT]], dtype=torch.int16)
    whole = Target(torch.tensor([4, 2]), segments, is_crowd=torch.tensor([False, True]), areas=torch.tensor([2.0, 1.0]))
    none = Target(torch.zeros(0, dtype=torch.int64), overlapping_masks=torch.zeros(0, 2, 3, dtype=torch.bool))
    batch = collate_training([sample(2, whole), sample(3, none)], size_divisor=4)
    assert batch.images[0, 0].tolist() == [[9, 9, 0, 0], [9, 9, 0, 0], [0] * 4, [0] * 4]
    assert batch.sizes[1] == ImageSizes(padded=(4, 4), unpadded=(2, 3), output=(2, 3))
    first, second = batch.targets
    assert first.labels.tolist() == [4]
    assert first.segment_map.dtype == torch.int16
    assert first.segment_map.tolist() == [[0, -1, -1, -1]] * 2 + [[-1] * 4] * 2
    assert first.valid.tolist() == [[True, False, False, False], [True, True, False, False], [False] * 4, [False] * 4]
    assert first.areas.tolist() == [2.0]
    assert second.masks.shape == (0, 4, 4)
    assert second.valid.sum() == 6


def test_an_evaluation_batch_keeps_the_truth():
    segments = torch.tensor([[0, 1], [0, NO_SEGMENT]], dtype=torch.int16)
    whole = Target(torch.tensor([4, 2]), segments, is_crowd=torch.tensor([False, True]))
    batch = collate_evaluation([sample(2, whole)], size_divisor=32)
    assert batch.images.shape == (1, 3, 32, 32)
    assert torch.equal(batch.targets[0].segment_map, segments)
    assert batch.targets[0].is_crowd.tolist() == [False, True]
    assert batch.targets[0].valid is None


def test_a_large_batch_takes_few_open_files():
    """Each tensor that a worker sends on its own stays an open file here until it is dropped."""
    program = """
        import itertools, resource
        from segkit.data.loading import training_loader
        from segkit.datasets.shapes import Shapes
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (96, hard))
        loader = training_loader(Shapes(size=(32, 32)), [], batch_size=24, workers=1, size_divisor=32, seed=0)
        print(len(list(itertools.islice(loader, 6))))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert run.stdout == "6\n", run.stderr


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="pins memory for a GPU")
def test_batches_are_pinned_for_a_gpu():
    (batch,) = batches(1, workers=1)
    assert batch.images.is_pinned()
    assert batch.targets[0].segment_map.is_pinned()
    assert batch.targets[0].to("cuda").labels.is_cuda
