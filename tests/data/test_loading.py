"""Order, random numbers and errors of batches, with and without worker processes."""

import itertools
import re
import subprocess
import sys
import textwrap

import pytest
import torch

from segkit.classes import Classes
from segkit.data.limit import Limit
from segkit.data.loading import evaluation_loader, training_loader
from segkit.errors import DataError
from segkit.types import ImageSizes, Sample, Target


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
            raise DataError(f"{index}.png: broken. Replace it.")
        size = (4, index + 1)
        target = Target(torch.tensor([0]), torch.zeros(size, dtype=torch.int16))
        return Sample(torch.full((3, *size), index, dtype=torch.uint8), target, f"{index}.png", index)


def shuffle_values(sample):
    """A transform whose result shows the random numbers it draws."""
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


def test_the_number_of_workers_changes_nothing():
    assert_equal(batches(5, workers=2), batches(5))


def test_resuming_changes_nothing():
    assert_equal(batches(3, start_batch=4, workers=1), batches(7)[4:])


def test_processes_share_each_step():
    parts = [batches(4, rank=rank, num_processes=2) for rank in range(2)]
    together = [images for pair in zip(*map(ids, parts), strict=True) for images in pair]
    assert together == ids(batches(8))


def test_each_epoch_has_every_image_once_in_an_order_of_its_own():
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


def test_processes_evaluate_each_image_once():
    parts = [
        ids(evaluation_loader(Numbers(3), [], batch_size=2, workers=0, size_divisor=1, rank=rank, num_processes=4))
        for rank in range(4)
    ]
    assert parts == [[[0]], [[1]], [[2]], []]


def test_evaluation_transforms_the_image_alone():
    def halve(sample):
        assert sample.target is None
        return Sample(sample.image[:, ::2, ::2], None, sample.file, sample.image_id)

    (batch,) = evaluation_loader(Numbers(6), [halve], batch_size=6, workers=0, size_divisor=4)
    assert batch.images.shape == (6, 3, 4, 4)
    assert batch.sizes[5] == ImageSizes(padded=(4, 4), unpadded=(2, 3), output=(4, 6))
    assert batch.targets[5].size == (4, 6)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_in_a_worker_arrives_as_it_is(workers):
    loader = evaluation_loader(Numbers(broken=(4,)), [], batch_size=2, workers=workers, size_divisor=1)
    with pytest.raises(DataError, match=r"^4\.png: broken\. Replace it\.$"):
        list(loader)
    with pytest.raises(DataError, match=r"^4\.png: broken\. Replace it\.$"):
        batches(3, Numbers(broken=(4,)), workers=workers)


@pytest.mark.parametrize("empty", [Numbers(0), Limit(Numbers(), 0)])
def test_an_empty_dataset_is_an_error(empty):
    message = re.escape("the dataset Numbers has no images. Check its paths and 'limit'.")
    with pytest.raises(DataError, match=f"^{message}$"):
        batches(1, empty)
    with pytest.raises(DataError, match=f"^{message}$"):
        evaluation_loader(empty, [], batch_size=1, workers=0, size_divisor=1)


def test_a_large_batch_needs_few_open_files():
    """Each tensor that a worker sends by itself is an open file here until it is freed."""
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
