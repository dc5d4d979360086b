"""Strips and tiles, one by one."""

import numpy as np
import pytest
from PIL import Image

from segkit.data.tiff_chunks import chunks_in, decoded, is_divided
from tests.helpers.tiff_files import write_tiff


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (100, 70, 3), dtype=np.uint8)


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("planar", [False, True])
def test_tiles_are_those_of_the_image(pixels, planar, deflate, tmp_path):
    file = write_tiff(tmp_path / "a.tif", pixels, tile=(16, 32), planar=planar, deflate=deflate)
    with Image.open(file) as image:
        assert is_divided(image)
        chunks = list(chunks_in(image, 17, 33))
        assert [(chunk.top, chunk.left) for chunk in chunks] == [
            (top, left) for top in (16, 32) for left in (0, 32, 64)
        ]
        part = np.asarray(decoded(image, chunks[1]))
    assert np.array_equal(part, pixels[16:32, 32:64])


def test_rows_of_one_plain_strip(pixels, tmp_path):
    tall = np.concatenate([pixels] * 4)
    with Image.open(write_tiff(tmp_path / "a.tif", tall)) as image:
        assert is_divided(image)
        (chunk,) = chunks_in(image, 70, 80)
        assert (chunk.top, chunk.size) == (64, (64, 70))
        assert np.array_equal(np.asarray(decoded(image, chunk)), tall[64:128])
        assert [one.size for one in chunks_in(image, 330, 400)] == [(64, 70), (16, 70)]


@pytest.mark.parametrize(
    "settings", [{"deflate": True}, {"tile": (64, 64)}, {"tile": (16, 16), "orientation": 6}], ids=str
)
def test_what_is_decoded_as_a_whole(pixels, settings, tmp_path):
    with Image.open(write_tiff(tmp_path / "a.tif", pixels, **settings)) as image:
        assert not is_divided(image)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_values_whose_range_is_that_of_the_whole(mode, tmp_path):
    Image.new(mode, (70, 100)).save(tmp_path / "a.tif", tiffinfo={278: 5})
    with Image.open(tmp_path / "a.tif") as image:
        assert not is_divided(image)
