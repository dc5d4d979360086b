"""What the loading process counts of its batches."""

import resource
from functools import partial

import pytest
import torch

from segkit.data.collating import collate_evaluation, collate_training
from segkit.data.loaded import CountedCollate
from segkit.data.loading import evaluation_loader, training_loader
from segkit.data.replacing import BadSample, LoadedSample
from segkit.data.tally import Tally
from segkit.datasets.shapes import Shapes
from segkit.errors import DataError
from segkit.types import Sample, Target

SHAPES = Shapes(length=4, size=(40, 60))


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_bring_the_counts_of_their_targets(workers):
    expected = Tally(8)
    for index in range(4):
        expected.add(SHAPES[index].target)
    settings = {"batch_size": 2, "workers": workers, "size_divisor": 32}
    stream = training_loader(SHAPES, [], seed=0, **settings)
    for loaded in ([next(stream), next(stream)], list(evaluation_loader(SHAPES, [], **settings))):
        found = Tally(8).merge([batch.tally for batch in loaded])
        assert found.to_dict(SHAPES.classes) == expected.to_dict(SHAPES.classes)


def test_the_batch_itself_is_as_before():
    samples = [SHAPES[0], SHAPES[1]]
    plain = collate_training(samples, size_divisor=32)
    bad = BadSample(3, 7, "7.png: broken.", "0.png")
    collate = CountedCollate(partial(collate_training, size_divisor=32), 8, padded=True)
    loaded = collate([LoadedSample(samples[0], (bad,)), LoadedSample(samples[1])])
    assert torch.equal(loaded.images, plain.images)
    assert (loaded.files, loaded.sizes, loaded.image_ids) == (plain.files, plain.sizes, plain.image_ids)
    assert loaded.bad_samples == [bad]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_label_that_is_no_class_is_an_error_with_the_file(workers):
    sample = Sample(
        torch.zeros(3, 2, 2, dtype=torch.uint8), Target(torch.tensor([9]), torch.zeros(2, 2).short()), "a.png", 1
    )
    collate = CountedCollate(partial(collate_evaluation, size_divisor=1), num_classes=2, padded=False)
    with pytest.raises(DataError) as caught:
        collate([LoadedSample(sample)])
    assert str(caught.value) == (
        "a.png: the target has the labels [9], but the class indices are 0..1. Correct the dataset that makes it."
    )
    two = type("Two", (), {"classes": ["a", "b"], "__len__": lambda _: 1, "__getitem__": lambda _, index: sample})()
    with pytest.raises(DataError, match=r"^a\.png: the target has the labels \[9\]"):
        next(training_loader(two, [], batch_size=1, workers=workers, size_divisor=1, seed=0))


def test_a_worker_without_room_in_shared_memory_says_so():
    """A limit on the size of files stands for a full /dev/shm: both make the same call fail."""

    class Limiting(Shapes):
        def __getitem__(self, index):
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
            return super().__getitem__(index)

    with pytest.raises(DataError) as caught:
        list(evaluation_loader(Limiting(length=1, size=(32, 32)), [], batch_size=1, workers=1, size_divisor=1))
    text = str(caught.value)
    assert text.startswith("a batch with shapes_0_00000 does not fit into the memory that processes share (")
    assert text.endswith(
        "Make room in /dev/shm, raise the limit of file sizes (`ulimit -f`), or use smaller batches or workers: 0."
    )
    assert "\n" not in text
