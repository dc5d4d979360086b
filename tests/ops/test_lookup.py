import numpy as np

from segkit.ops.lookup import places_in


def test_places_are_those_of_the_list_as_it_stands():
    places, found = places_in(np.array([30, 0, 7, 200]), np.array([[7, 0], [200, 30]]))
    assert places.tolist() == [[2, 1], [3, 0]]
    assert found.all()


def test_values_before_between_and_behind_all_are_not_found():
    _, found = places_in(np.array([5, 2]), np.array([1, 2, 3, 5, 6]))
    assert found.tolist() == [False, True, False, True, False]


def test_no_values():
    places, found = places_in(np.array([5]), np.array([], dtype=np.int64))
    assert places.shape == found.shape == (0,)
