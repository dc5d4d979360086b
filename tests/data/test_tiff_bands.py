"""TIFF files of any number of bands are read value by value, whole and in rows."""

import itertools

import numpy as np
import pytest

from segkit.data.tiff_bands import opened_tiff, read_bands
from segkit.types import PixelFormat
from tests.helpers.tiff_files import write_tiff

RNG = np.random.default_rng(0)


def layouts():
    """Everything that decides how values are stored, for 8 and 16 bits and 1, 4 and 13 bands."""
    options = itertools.product(
        ("uint8", "uint16"), (1, 4, 13), (None, (32, 16)), (False, True), (False, True), (False, True), "<>"
    )
    return [one for one in options if one[4] or not one[5]]  # differences are stored compressed


@pytest.mark.parametrize(("kind", "bands", "tile", "planar", "deflate", "differences", "order"), layouts())
def test_every_layout(tmp_path, kind, bands, tile, planar, deflate, differences, order):
    values = RNG.integers(0, np.iinfo(kind).max + 1, (70, 50, bands)).astype(kind)
    how = {"tile": tile, "planar": planar, "deflate": deflate, "differences": differences, "order": order}
    with opened_tiff(write_tiff(tmp_path / "a.tif", values, **how)) as tiff:
        assert tiff.pixels == PixelFormat(bands, kind)
        assert np.array_equal(read_bands(tiff, 0, 70), values)
        assert np.array_equal(read_bands(tiff, 13, 47), values[13:47])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tags": {339: [3] * 5}}, "floating-point values of 16 bits. Store unsigned ones of 8 or 16 bits"),
        ({"tags": {258: [32] * 5}}, "unsigned values of 32 bits. Store unsigned ones of 8 or 16 bits"),
        ({"tags": {259: [7]}}, "bands compressed as JPEG are not read. Compress them as DEFLATE or LZW"),
        ({"tags": {262: [3]}}, "indices of a palette are no bands. Store the values of each band"),
        ({"orientation": 6}, "its orientation tag turns the image. Store it upright"),
        ({"tags": {257: [7000]}, "tile": (16, 16)}, "its tags do not tell the place of each strip or tile"),
    ],
)
def test_what_is_not_read(tmp_path, changes, message):
    file = write_tiff(tmp_path / "a.tif", np.zeros((30, 20, 5), dtype=np.uint16), **changes)
    with pytest.raises(ValueError, match=message), opened_tiff(file):
        pass
