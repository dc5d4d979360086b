"""Files that hold just the channels and type that are expected, and the errors of others."""

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from segkit.data.band_rows import band_rows
from segkit.errors import DataError
from segkit.types import PixelFormat
from tests.helpers.tiff_files import write_tiff

RNG = np.random.default_rng(0)
REMEDY = (
    " Store all images of a dataset alike; its settings `channels` and `pixel_type` say what they hold, and a model "
    "takes as many channels as its pixel_mean has numbers."
)


def drawn(bands, kind):
    return RNG.integers(0, np.iinfo(kind).max + 1, (20, 30, bands)).astype(kind)


def write(file, values):
    if file.suffix == ".npy":
        np.save(file, values)
    elif file.suffix == ".tif":
        write_tiff(file, values)
    else:
        Image.fromarray(values.squeeze(2) if values.shape[2] == 1 else values).save(file)
    return file


@pytest.mark.parametrize(
    ("suffix", "bands", "kind"),
    [
        (".npy", 5, "uint16"),
        (".npy", 3, "uint8"),
        (".tif", 5, "uint16"),
        (".tif", 4, "uint8"),
        (".png", 1, "uint8"),
        (".png", 1, "uint16"),
        (".png", 4, "uint8"),
    ],
)
def test_values_are_those_of_the_file(tmp_path, suffix, bands, kind):
    values = drawn(bands, kind)
    rows = band_rows(write(tmp_path / f"a{suffix}", values), PixelFormat(bands, kind))
    assert rows.size == (20, 30)
    assert torch.equal(rows.read(4, 17), torch.from_numpy(values[4:17]).permute(2, 0, 1))
    assert rows.reduced(10).shape == (bands, 7, 10)


@pytest.mark.parametrize(
    ("values", "name", "message"),
    [
        (drawn(4, "uint16"), "a.npy", "the file holds 4 channels of uint16, not 5 channels of uint16." + REMEDY),
        (drawn(5, "uint8"), "a.tif", "the file holds 5 channels of uint8, not 5 channels of uint16." + REMEDY),
        (drawn(3, "uint8"), "a.png", "the file holds 3 channels of uint8, not 5 channels of uint16." + REMEDY),
        (
            np.full((2, 2, 5), np.nan),
            "a.npy",
            "an array of float64 has no known range of values. Scale them to 0..65535, and store them as uint16, or as "
            "uint8 to 0..255: segkit scales nothing by itself.",
        ),
    ],
)
def test_other_pixels_are_refused(tmp_path, values, name, message):
    file = write(tmp_path / name, values)
    with pytest.raises(DataError) as caught:
        band_rows(file, PixelFormat(5, "uint16"))
    assert str(caught.value) == f"{file}: {message}"


def test_a_palette_is_no_channel(tmp_path):
    Image.new("P", (4, 3)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"pixels of Pillow's mode P are no bands\. Store the values of each channel"):
        band_rows(tmp_path / "a.png", PixelFormat(1))


def test_rgb_of_16_bits_that_pillow_cuts_is_refused(tmp_path):
    """Pillow reads the upper 8 bits of such a file without a word."""
    file = tmp_path / "a.png"
    chunks = {b"IHDR": struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0), b"IDAT": zlib.compress(bytes(13)), b"IEND": b""}
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    ]
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    with pytest.raises(DataError, match="several channels of 16 bits, of which Pillow reads 8 bits in this format"):
        band_rows(file, PixelFormat(3, "uint16"))


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_a_file_that_ends_early(tmp_path, suffix):
    file = write(tmp_path / f"a{suffix}", drawn(5, "uint16"))
    file.write_bytes(file.read_bytes()[:600])
    with pytest.raises(DataError, match=f"{file}: cannot read the image"):
        band_rows(file, PixelFormat(5, "uint16")).read(0, 20)


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_no_file_and_a_limit(tmp_path, suffix):
    file = tmp_path / f"a{suffix}"
    with pytest.raises(DataError, match="there is no such file"):
        band_rows(file, PixelFormat(5))
    write(file, drawn(5, "uint8"))
    with pytest.raises(DataError, match="the image has 600 pixels, but the limit is 599"):
        band_rows(file, PixelFormat(5), 599)
