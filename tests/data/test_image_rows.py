"""Rows of large files equal those of the whole image."""

import numpy as np
import pytest
import torch
from PIL import Image

from segkit.data.image_rows import pixels_of, rows_of
from segkit.data.images import read_image
from segkit.errors import DataError
from tests.helpers.tiff_files import write_tiff

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (100, 70, 3), dtype=np.uint8)
COMPRESSIONS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4", "zstd")


def image_of(mode):
    if mode == "I;16":
        return Image.fromarray(RNG.integers(0, 65536, (100, 70), dtype=np.uint16))
    return Image.fromarray(PIXELS).convert(mode)


def assert_equal_rows(file):
    whole, image = read_image(file), rows_of(file)
    assert image.size == whole.shape[1:]
    middle = image.size[0] // 3
    assert torch.equal(image.read(0, middle), whole[:, :middle])
    assert torch.equal(image.read(middle, image.size[0]), whole[:, middle:])
    return image


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LA", "I;16", "YCbCr", "LAB"])
def test_strips_of_every_mode_and_compression(mode, tmp_path):
    compared = 0
    for compression in COMPRESSIONS:
        for predictor in (1, 2):
            file = tmp_path / f"{compression}{predictor}.tif"
            try:
                image_of(mode).save(file, compression=compression, tiffinfo={278: 8, 317: predictor})
            except (OSError, ValueError, RuntimeError):  # this compression does not store this mode
                continue
            assert type(assert_equal_rows(file)).__name__ == "_Divided", file
            compared += 1
    assert compared >= 4


def test_tiles_planes_and_plain_strips(tmp_path):
    for number, settings in enumerate(
        [{"tile": (16, 32)}, {"tile": (16, 16), "planar": True, "deflate": True}, {"planar": True}]
    ):
        pixels = np.concatenate([PIXELS] * 3)
        image = assert_equal_rows(write_tiff(tmp_path / f"{number}.tif", pixels, **settings))
        assert type(image).__name__ == "_Divided"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp"])
def test_other_formats_are_decoded_as_a_whole(suffix, tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / f"a{suffix}")
    assert_equal_rows(tmp_path / f"a{suffix}")


def test_the_order_of_bytes_is_that_of_the_file(tmp_path):
    values = RNG.integers(0, 65536, (100, 70, 1)).astype(np.uint16)
    assert_equal_rows(write_tiff(tmp_path / "a.tif", values, tile=(16, 16), order=">"))


def test_what_counts_for_the_whole_image(tmp_path):
    """The range of 32-bit values, and the orientation that the file notes."""
    Image.fromarray(RNG.integers(0, 2**31 - 1, (100, 70), dtype=np.int32)).save(tmp_path / "wide.tif")
    assert_equal_rows(tmp_path / "wide.tif")
    turned = write_tiff(tmp_path / "turned.tif", PIXELS, tile=(16, 16), orientation=6)
    assert assert_equal_rows(turned).size == (70, 100)


def test_the_reduced_image(tmp_path):
    file = write_tiff(tmp_path / "a.tif", np.concatenate([PIXELS] * 3), tile=(16, 32))
    expected = np.asarray(Image.fromarray(read_image(file).permute(1, 2, 0).numpy()).reduce(6))
    reduced = rows_of(file).reduced(50).permute(1, 2, 0).numpy()
    assert np.abs(reduced.astype(int) - expected).max() <= 1  # Pillow rounds some halves down


def test_a_file_that_ends_before_its_pixels(tmp_path):
    file = tmp_path / "a.tif"
    Image.fromarray(PIXELS).save(file, tiffinfo={278: 8})
    file.write_bytes(file.read_bytes()[:-900])
    image = rows_of(file)
    with pytest.raises(DataError, match=r"a\.tif: cannot read the image \(the file ends before its pixels: "):
        image.read(0, 100)


def test_damaged_pixels(tmp_path):
    file = write_tiff(tmp_path / "a.tif", PIXELS, tile=(16, 32), deflate=True)
    content = bytearray(file.read_bytes())
    content[2000:2400] = bytes(400)
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.tif: cannot read the image"):
        rows_of(file).read(0, 100)


def test_the_number_of_pixels_and_its_limit(tmp_path):
    Image.new("L", (4, 20)).save(tmp_path / "a.png")
    assert pixels_of(tmp_path / "a.png", max_pixels=80) == 80
    for read in (pixels_of, rows_of):
        with pytest.raises(DataError, match=r"a\.png: the image has 80 pixels, but the limit is 79"):
            read(tmp_path / "a.png", max_pixels=79)
