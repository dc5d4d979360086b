"""Captions stand where they have room in the largest part of their region."""

import numpy as np

from segkit.results.caption_places import largest_part, roomiest, seen_parts
from segkit.results.regions import Region


def test_the_largest_part_is_that_of_the_most_pixels():
    mask = np.zeros((6, 9), dtype=bool)
    mask[0, 0] = mask[1, 1] = mask[2, 2] = True  # connected at their corners
    mask[5, 5:7] = True
    assert np.argwhere(largest_part(mask)).tolist() == [[0, 0], [1, 1], [2, 2]]
    assert not largest_part(np.zeros((2, 2), dtype=bool)).any()


def test_what_other_regions_cover_is_not_seen():
    below, above = np.ones((8, 12), dtype=bool), np.zeros((8, 12), dtype=bool)
    above[:, 4:8] = True
    above[:, :2] = True
    first, second = seen_parts([Region(below, 0, (0, 0, 0)), Region(above, 1, (0, 0, 0))], spacing=2)
    assert np.flatnonzero(first.any(0)).tolist() == [4, 5]
    assert np.flatnonzero(second.any(0)).tolist() == [2, 3]


def test_the_room_is_in_the_middle_of_the_widest_place():
    mask = np.zeros((20, 60), dtype=bool)
    mask[:, 2:4] = True  # a trunk
    mask[4:13, 20:51] = True  # wide
    mask[8, :] = True  # between both
    room = roomiest(mask, 3, 10)
    assert (room.row, room.column, room.covered) == (8, 35, 1.0)


def test_a_caption_that_fits_nowhere_has_its_center_in_the_region():
    mask = np.zeros((20, 20), dtype=bool)
    mask[[3, 16], 3:17] = mask[3:17, [3, 16]] = True  # a frame
    room = roomiest(mask, 3, 8)
    assert mask[room.row, room.column]
    assert 0 < room.covered < 1
    assert roomiest(mask, 3, 21) is None
    assert roomiest(np.zeros((9, 9), dtype=bool), 3, 3) is None
