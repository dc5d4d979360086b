"""Samples that cannot be loaded, and which images take their places."""

import itertools

import pytest
import torch

from segkit.data.loading import training_loader
from segkit.errors import DataError
from tests.helpers.counted import Listed, mapped


class Broken(Listed):
    """Ten images, some of which cannot be read."""

    def __init__(self, broken):
        super().__init__([mapped([0, 0, 1, number % 2]) for number in range(10)])
        self.broken = broken

    def __getitem__(self, index):
        if index in self.broken:
            raise DataError(f"{index}.png: broken.")
        return super().__getitem__(index)


def noise(sample):
    sample.image = torch.randint(0, 200, sample.image.shape, dtype=torch.uint8)
    return sample


def batches(count, broken=(2, 7), **settings):
    settings = {"batch_size": 4, "workers": 0, "size_divisor": 4, "seed": 0, "on_bad_sample": "skip"} | settings
    return list(itertools.islice(training_loader(Broken(broken), [noise], **settings), count))


def test_each_bad_sample_is_replaced_and_told():
    made = batches(5)
    assert [len(batch.files) for batch in made] == [4] * 5
    assert not {"2.png", "7.png"} & {file for batch in made for file in batch.files}
    bad = [one for batch in made for one in batch.bad_samples]
    assert [one.index for one in bad if one.position < 10] in ([2, 7], [7, 2])  # one epoch has every image once
    for one in bad:
        assert one.error == f"{one.index}.png: broken."
        assert one.replacement == made[one.position // 4].files[one.position % 4]


def test_the_other_samples_stay_as_they_are():
    whole = batches(5, broken=())
    for one, other in zip(batches(5), whole, strict=True):
        replaced = {bad.position % 4 for bad in one.bad_samples}
        for index in set(range(4)) - replaced:
            assert one.files[index] == other.files[index]
            assert torch.equal(one.images[index], other.images[index])


def test_replacements_depend_on_no_workers_processes_or_restarts():
    expected = batches(6)
    processes = [batches(6, rank=rank, num_processes=2, batch_size=2) for rank in range(2)]
    halves = [batch for pair in zip(*processes, strict=True) for batch in pair]
    for made in (batches(6, workers=2), [*batches(2), *batches(4, start_batch=2)]):
        for one, other in zip(made, expected, strict=True):
            assert one.bad_samples == other.bad_samples
            assert torch.equal(one.images, other.images)
    assert torch.equal(torch.cat([batch.images for batch in halves]), torch.cat([batch.images for batch in expected]))
    assert [bad for batch in halves for bad in batch.bad_samples] == [
        bad for batch in expected for bad in batch.bad_samples
    ]


def test_a_bad_replacement_is_replaced_too():
    made = batches(20, broken=(0, 1, 2, 3, 4))
    bad = [one for batch in made for one in batch.bad_samples]
    assert len(bad) > len({one.position for one in bad})
    assert all({file[0] for file in batch.files} <= set("56789") for batch in made)


@pytest.mark.parametrize("workers", [0, 1])
def test_data_that_are_all_bad_are_an_error(workers):
    with pytest.raises(DataError) as caught:
        batches(1, broken=range(10), workers=workers)
    assert str(caught.value).startswith("data.train: 10 images in a row cannot be loaded. Correct them. The last one: ")
    assert str(caught.value).endswith(".png: broken.")


def test_a_bad_sample_is_an_error_by_default():
    with pytest.raises(DataError, match=r"^[27]\.png: broken\.$"):
        batches(5, on_bad_sample="stop")
