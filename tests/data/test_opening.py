"""Files that are too large, of refused formats, or that make a decoder fail in an unexpected way."""

import re
import struct
import subprocess
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from segkit.data import opening
from segkit.data.image_rows import pixels_of, rows_of
from segkit.data.images import read_image
from segkit.data.label_maps import read_label_map
from segkit.data.opening import VARIABLE, largest_allowed
from segkit.errors import ConfigError, DataError
from segkit.runtime import memory_limit

REPLACE = "Replace or remove it."


def refused(file, message, **settings):
    with pytest.raises(DataError, match=f"^{re.escape(f'{file}: {message}')}$"):
        read_image(file, **settings)


def too_large(pixels, limit):
    return (
        f"the image has {pixels} pixels, but the limit is {limit}, since damaged and hostile files claim such sizes. "
        f"If it is sound, raise the limit (segkit predict --max-pixels {pixels}, or the environment variable "
        f"SEGKIT_MAX_PIXELS={pixels}), or cut the image into tiles. Reading it takes about 7 bytes a "
        "pixel; 5 with segkit predict --window, and 3 if it is a TIFF of strips or tiles."
    )


@pytest.fixture
def file(tmp_path):
    Image.new("RGB", (20, 10), (1, 2, 3)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.mark.parametrize(
    "error", [struct.error("x"), KeyError("x"), AttributeError("x"), RuntimeError("x"), ZeroDivisionError("x")]
)
def test_any_exception_of_a_decoder_names_the_file(file, monkeypatch, error):
    def fail(self):
        raise error

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fail)
    refused(file, f"cannot read the image ({type(error).__name__}: {error}). {REPLACE}")


def test_a_decoder_without_memory_names_the_file(file, monkeypatch):
    def fail(self):
        raise MemoryError

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fail)
    refused(file, f"cannot read the image (MemoryError). {REPLACE}")


@pytest.fixture
def no_memory(monkeypatch):
    monkeypatch.setattr(opening, "_MANY_PIXELS", 1)
    monkeypatch.setattr(memory_limit, "memory_left", lambda: 100)


def test_an_image_is_decoded_only_where_there_is_memory_for_it(file, no_memory):
    message = (
        "not enough memory to decode 20x10 pixels (it takes about 0.0 GB, but 0.0 GB are free). Use a smaller "
        "image, cut it into tiles, or store it as a TIFF of strips or tiles for segkit predict --window."
    )
    refused(file, message)
    with pytest.raises(DataError, match="not enough memory to decode"):
        read_label_map(file)
    with pytest.raises(DataError, match="not enough memory to decode"):
        rows_of(file)


def test_a_tiff_of_strips_is_not_decoded_as_a_whole(tmp_path, no_memory):
    Image.new("RGB", (20, 10)).save(tmp_path / "a.tif", tiffinfo={278: 2})
    assert pixels_of(tmp_path / "a.tif") == 200
    assert rows_of(tmp_path / "a.tif").read(0, 2).shape == (3, 2, 20)


def test_an_interruption_passes(file, monkeypatch):
    def fail(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fail)
    with pytest.raises(KeyboardInterrupt):
        read_image(file)


def test_a_setting_bounds_the_pixels(file, monkeypatch):
    assert read_image(file, max_pixels=200).shape == (3, 10, 20)
    refused(file, too_large(200, 199), max_pixels=199)
    monkeypatch.setenv(VARIABLE, "199")
    refused(file, too_large(200, 199))
    assert read_image(file, max_pixels=200).shape == (3, 10, 20)


def test_a_setting_that_is_no_number_is_refused(file, monkeypatch):
    for text in ("many", "-5", "0", "1e9", "9" * 5000):
        monkeypatch.setenv(VARIABLE, text)
        with pytest.raises(ConfigError, match=rf"^SEGKIT_MAX_PIXELS: '{text}' is not a number of pixels\. Set it to "):
            read_image(file)
    with pytest.raises(DataError, match=r"^max_pixels: 0 is not a number of pixels\. Give a whole number from 1\.$"):
        read_image(file, max_pixels=0)


@pytest.mark.filterwarnings("error")
def test_pillow_s_limit_is_raised_while_a_file_is_read(file, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    refused(file, too_large(200, 100))
    assert read_image(file, max_pixels=200).shape == (3, 10, 20)
    assert Image.MAX_IMAGE_PIXELS == 50


def test_a_large_image_is_read_with_a_warning_that_names_it(file, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 150)
    warning = (
        f"{file}: the image has 200 pixels, whose decoding takes about 0.0 GB of memory. If this is no image of yours, "
        "set SEGKIT_MAX_PIXELS to a smaller number to refuse such files."
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        assert read_image(file).shape == (3, 10, 20)
        assert read_image(file, max_pixels=200).shape == (3, 10, 20)
    assert [str(one.message) for one in caught if one.category is UserWarning] == [warning]


def test_no_image_is_decoded_beyond_pillow_s_limit_by_default(tmp_path):
    """A PNG of few bytes that claims 10,000 megapixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + b"\0\0\1\0IDAT"
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    refused(tmp_path / "a.png", too_large(10**10, 178956970))


def test_a_file_of_a_refused_format_starts_no_program(tmp_path, monkeypatch):
    def fail(*arguments, **settings):
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", fail)
    monkeypatch.setattr(subprocess, "check_call", fail)
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "a.png").write_bytes(program)
    refused(tmp_path / "a.png", f"this is not an image, or its format cannot be read. {REPLACE}")


@pytest.mark.parametrize("read", [read_image, read_label_map])
def test_a_wrong_checksum_of_pixels_is_found(tmp_path, read):
    file = tmp_path / "a.png"
    Image.fromarray(np.zeros((40, 40), dtype=np.uint8)).save(file)
    data = bytearray(file.read_bytes())
    data[data.index(b"IEND") - 5] ^= 1  # the last byte of the checksum of IDAT
    file.write_bytes(data)
    with pytest.raises(DataError, match=r"its pixels are damaged: a checksum of the PNG is wrong"):
        read(file)


def test_bytes_behind_the_end_of_a_png_do_not_matter(file):
    file.write_bytes(file.read_bytes() + b"\0\0\0\x10IDATtrailing bytes of another program")
    assert read_image(file).shape == (3, 10, 20)


def test_large_images_are_converted_in_bands(tmp_path, monkeypatch):
    from segkit.data import images

    array = np.random.default_rng(0).integers(0, 255, (50, 7, 3), dtype=np.uint8)
    Image.fromarray(array).save(tmp_path / "a.png")
    monkeypatch.setattr(images, "PIXELS_AT_A_TIME", 20)
    assert read_image(tmp_path / "a.png").permute(1, 2, 0).tolist() == array.tolist()
    gray = array[..., 0].astype(np.uint16) * 257
    Image.fromarray(gray).save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif")[0].tolist() == array[..., 0].tolist()


def test_a_folder_is_no_image(tmp_path: Path):
    refused(tmp_path, f"cannot read the image (Is a directory). {REPLACE}")


def test_the_limit_as_a_number(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    assert largest_allowed() == 100
    monkeypatch.setenv(VARIABLE, "70")
    assert largest_allowed() == 70
    assert largest_allowed(30) == 30
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert largest_allowed() is None
