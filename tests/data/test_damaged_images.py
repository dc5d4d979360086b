"""Damaged image files: each is read in its full size, or refused with its name."""

import io
import random
import struct
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from segkit.data.images import read_image
from segkit.data.label_maps import read_label_map
from segkit.errors import DataError
from tests.helpers.image_files import exif_block

HEIGHT, WIDTH = 24, 32


def intact_files():
    """Returns (suffix, bytes) of small images of many formats and modes."""
    generator = np.random.default_rng(0)
    rgb = Image.fromarray(generator.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8))
    ids = Image.fromarray(np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH) // 64)
    exif = exif_block([(0x0112, 3, 1, struct.pack("<H", 1)), (271, 2, 5, b"make\0"), (282, 5, 1, b"\1\0\0\0\1\0\0\0")])
    kinds = [
        ("png", rgb, {"exif": exif}),
        ("png", ids, {}),
        ("png", rgb.convert("P"), {"transparency": 3}),
        ("png", ids.convert("I;16"), {}),
        ("jpg", rgb, {"exif": b"Exif\0\0" + exif}),
        ("jpg", rgb, {"progressive": True}),
        ("jpg", rgb.convert("CMYK"), {}),
        ("webp", rgb, {"exif": exif}),
        ("webp", rgb, {"lossless": True}),
        ("tif", rgb, {}),
        ("tif", ids, {"compression": "tiff_lzw"}),
        ("tif", rgb, {"compression": "tiff_adobe_deflate"}),
        ("gif", ids, {}),
        ("bmp", rgb, {}),
        ("bmp", ids, {}),
        ("ppm", rgb, {}),
        ("tga", rgb, {"compression": "tga_rle"}),
        ("jp2", rgb, {}),
    ]
    found = []
    for suffix, image, settings in kinds:
        buffer = io.BytesIO()
        image.save(buffer, Image.registered_extensions()[f".{suffix}"], **settings)
        found.append((suffix, buffer.getvalue()))
    return found


def damaged(data, draw):
    """Returns the bytes of a file after an accident of one kind."""
    data = bytearray(data)
    start, end = sorted(draw.sample(range(len(data)), 2))
    kind = draw.randrange(6)
    if kind == 0:  # cut off
        del data[start:]
    elif kind == 1:  # single bits
        for _ in range(draw.choice([1, 1, 3, 20])):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif kind == 2:  # a number replaced by an extreme one
        data[start : start + 4] = draw.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\x80"])
    elif kind == 3:  # two blocks swapped
        middle = (start + end) // 2
        data[start:end] = data[middle:end] + data[start:middle]
    elif kind == 4:  # a block lost
        del data[start : start + draw.choice([1, 4, 16, 64])]
    else:  # a block filled with zeros
        data[start : start + 64] = bytes(min(64, len(data) - start))
    return bytes(data)


def read_or_refuse(read, file):
    """Returns what a function reads from a file, or None where it refuses the file in one line that names it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return read(file)
        except DataError as error:
            message = str(error)
    assert message.startswith(f"{file}: "), message
    assert "\n" not in message
    return None


def check_many(folder, count, seed):
    draw = random.Random(seed)
    files = intact_files()
    refused = 0
    for number in range(count):
        suffix, data = files[number % len(files)]
        file = folder / f"{number}.{suffix}"
        changed = damaged(data, draw)
        file.write_bytes(changed)
        image, ids = read_or_refuse(read_image, file), read_or_refuse(read_label_map, file)
        if suffix == "png":  # the checksums of a PNG find every change of its pixels
            file.write_bytes(data)
            for result, intact in ((image, read_image(file)), (ids, read_or_refuse(read_label_map, file))):
                assert result is None or np.array_equal(result, intact), number
            file.write_bytes(changed)
        refused += image is None
        if image is not None:
            assert image.dtype == torch.uint8
            assert (image.ndim, image.shape[0]) == (3, 3)
        if ids is not None:
            assert ids.dtype in (np.uint8, np.uint16)
        for result in (image, ids):
            if result is not None:
                # The header may have become that of another size. Damaged metadata may turn the image.
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    with Image.open(file) as opened:
                        assert sorted(result.shape[-2:]) == sorted(opened.size)
        file.unlink()
    assert refused > count // 5


def test_intact_files_are_read(tmp_path):
    for suffix, data in intact_files():
        (tmp_path / f"a.{suffix}").write_bytes(data)
        assert tuple(read_image(tmp_path / f"a.{suffix}").shape) == (3, HEIGHT, WIDTH)


def test_damaged_files(tmp_path):
    check_many(tmp_path, 360, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_many_damaged_files(tmp_path, seed):
    check_many(tmp_path, 1000, seed)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "gif"])
def test_a_label_map_that_is_cut_off_is_refused_or_whole(tmp_path, suffix):
    """Without its last rows, a label map would be void or background there."""
    ids = np.arange(60, dtype=np.uint8).reshape(6, 10)
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(ids).save(file)
    data = file.read_bytes()
    for length in range(len(data)):
        file.write_bytes(data[:length])
        read = read_or_refuse(read_label_map, file)
        assert read is None or read.tolist() == ids.tolist(), length


def test_a_flipped_bit_of_a_png_never_changes_an_id(tmp_path):
    ids = np.arange(60, dtype=np.uint8).reshape(6, 10)
    file = tmp_path / "a.png"
    Image.fromarray(ids).save(file)
    data = file.read_bytes()
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        read = read_or_refuse(read_label_map, file)
        assert read is None or read.tolist() == ids.tolist(), bit
