import pickle

import numpy as np
import pytest

from segkit.data.npy_files import map_npy
from segkit.errors import DataError


@pytest.mark.parametrize("order", ["C", "F"])
def test_values_are_those_of_the_file(tmp_path, order):
    values = np.asarray(np.arange(30, dtype=">u2").reshape(2, 3, 5), order=order)
    np.save(tmp_path / "a.npy", values)
    assert np.array_equal(map_npy(tmp_path / "a.npy"), values)


def test_an_array_without_channels_has_one(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 3), dtype=np.uint8))
    assert map_npy(tmp_path / "a.npy").shape == (2, 3, 1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            np.full((2, 3, 5), np.nan, dtype=np.float32),
            "an array of float32 has no known range of values. Scale them to 0..65535, and store them as uint16, or as "
            "uint8 to 0..255: segkit scales nothing by itself.",
        ),
        (np.zeros(7, dtype=np.uint8), "an array of shape (7,) is no image. Store it as (height, width, channels)."),
        (
            np.zeros((0, 3, 5), dtype=np.uint8),
            "an array of shape (0, 3, 5) is no image. Store it as (height, width, channels).",
        ),
    ],
)
def test_what_is_no_image(tmp_path, values, message):
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(DataError) as caught:
        map_npy(tmp_path / "a.npy")
    assert str(caught.value) == f"{tmp_path / 'a.npy'}: {message}"


class Harmful:
    def __reduce__(self):
        return (pytest.fail, ("a pickled object was loaded",))


def test_pickled_objects_are_never_loaded(tmp_path):
    array = np.empty(1, dtype=object)
    array[0] = Harmful()
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        pickle.dump(array, file)
    with pytest.raises(DataError, match="an array of object has no known range of values"):
        map_npy(tmp_path / "a.npy")
