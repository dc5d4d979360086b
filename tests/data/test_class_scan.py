"""The classes of images are read in any number of processes, crowds and segments without pixels left out."""

import pytest
import torch

from segkit.data.class_scan import scan_classes
from segkit.data.survey import BadImage
from segkit.errors import DataError
from tests.helpers.counted import Drawing, Listed, instances, mapped
from tests.helpers.tiny import empty_target


class SomeBad(Listed):
    def __getitem__(self, index):
        if index % 3 == 1:
            raise DataError(f"{index}.png: broken.")
        return super().__getitem__(index)


@pytest.mark.parametrize("workers", [0, 2])
def test_chosen_images_are_read_once(workers):
    targets = [mapped([0, 0, 1, 1]), empty_target((1, 4)), instances(1, crowds=[0])] * 7
    read = []
    scan = scan_classes(SomeBad(targets), range(1, 21), workers, read.append)
    assert sum(read) == 20
    assert len(read) == 3  # eight images at a time
    assert scan.classes == {index: [1] if index % 3 == 2 else [0, 1] for index in range(1, 21) if index % 3 != 1}
    assert scan.bad == [BadImage(index, f"{index}.png: broken.") for index in range(1, 21, 3)]
    assert scan.tally.segments.tolist() == [6, 13]


def test_segments_without_pixels_are_no_classes():
    target = instances(0, 1)
    target.overlapping_masks[1] = False
    assert scan_classes(Listed([target]), [0]).classes == {0: [0]}


def test_no_image_and_no_random_number():
    state = torch.get_rng_state()
    scan = scan_classes(Drawing([mapped([0])]), [0])
    assert scan.classes == {0: [0]}
    assert torch.equal(torch.get_rng_state(), state)
    assert scan_classes(Listed([]), []).classes == {}
