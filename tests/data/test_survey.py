"""A whole dataset is read, in any number of processes, and bad images are noted."""

import numpy as np
import pytest
import torch

from segkit.data.limit import Limit
from segkit.data.sampling import sample_dataset
from segkit.data.survey import TINY, BadImage, survey_dataset
from segkit.errors import DataError
from segkit.types import Target
from tests.helpers.counted import Listed, instances, mapped
from tests.helpers.tiny import empty_target

BOTH = mapped([0, 0, 1, 1])


class SomeBad(Listed):
    def __getitem__(self, index):
        if index % 3 == 1:
            raise DataError(f"{index}.png: broken.")
        return super().__getitem__(index)


class Explained(SomeBad):
    def stored_ids(self, index):
        if index == 4:
            raise DataError("unreadable")
        return np.bincount([index], minlength=65536)

    def explain(self, pixels):
        return ""


@pytest.mark.parametrize("workers", [0, 2])
def test_everything_is_read_once(workers):
    targets = [BOTH, empty_target((1, 4)), instances(0, crowds=[1])] * 7
    read = []
    survey = survey_dataset(SomeBad(targets), workers, read.append)
    assert sum(read) == 21
    assert len(read) == 3  # eight images at a time
    assert [one.index for one in survey.images] == [index for index in range(21) if index % 3 != 1]
    assert survey.bad == [BadImage(index, f"{index}.png: broken.") for index in range(1, 21, 3)]
    assert [one.segments for one in survey.images[:2]] == [2, 1]
    good = sample_dataset(Listed([target for index, target in enumerate(targets) if index % 3 != 1]))
    assert survey.tally.to_dict(survey.classes) == good.tally.to_dict(good.classes)


def test_segments_are_counted_by_size():
    masks = torch.zeros(4, 10, 10, dtype=torch.bool)
    masks[1].view(-1)[: TINY - 1] = True
    masks[2].view(-1)[:TINY] = True
    crowd = torch.tensor([False, False, False, True])
    target = Target(torch.zeros(4, dtype=torch.int64), overlapping_masks=masks, is_crowd=crowd)
    (one,) = survey_dataset(Listed([target])).images
    assert (one.segments, one.empty, one.tiny, one.void) == (3, 1, 1, 0.0)
    (one,) = survey_dataset(Listed([mapped([0, -1, -1, -1])])).images
    assert one.void == 0.75


def test_only_equal_pixels_have_one_digest():
    class Colored(Listed):
        def __getitem__(self, index):
            sample = super().__getitem__(index)
            sample.image[0] = index // 2
            return sample

    digests = [one.digest for one in survey_dataset(Colored([BOTH] * 4)).images]
    assert digests[0] == digests[1] != digests[2] == digests[3]
    flat, upright = survey_dataset(Listed([mapped([0, 1]), mapped([0], [1])])).images
    assert flat.digest != upright.digest


def test_ids_of_all_label_files_are_added_up():
    survey = survey_dataset(Limit(Explained([BOTH] * 9), 6))
    assert np.flatnonzero(survey.stored_ids).tolist() == [0, 1, 2, 3, 5]  # of bad images too
    assert survey_dataset(Listed([BOTH])).stored_ids is None


def test_a_label_that_is_no_class_names_the_image():
    survey = survey_dataset(Listed([mapped([0, 2])]))
    assert survey.images == []
    assert survey.bad[0].error.startswith("0.png: the target has the labels [0, 2]")


def test_an_empty_dataset():
    assert survey_dataset(Listed([])).images == []
