"""PNG files of whole chunks that hold fewer rows than their head says."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from segkit.data.images import read_image, read_panoptic_map
from segkit.data.label_maps import read_label_map
from segkit.errors import DataError

HEIGHT, WIDTH = 21, 30


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def write_png(file, rows, color=2, depth=8, parts=1, value=200):
    """Writes a PNG whose head says HEIGHT rows, but that has only the first `rows`."""
    length = (WIDTH * depth * {0: 1, 2: 3, 3: 1}[color] + 7) // 8
    pixels = zlib.compress((b"\0" + bytes([value]) * length) * rows)
    step = -(-len(pixels) // parts)
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, color, 0, 0, 0)
    palette = chunk(b"PLTE", bytes(range(256)) * 3) if color == 3 else b""
    data = b"".join(chunk(b"IDAT", pixels[start : start + step]) for start in range(0, len(pixels), step))
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + palette + data + chunk(b"IEND", b""))
    return file


@pytest.mark.parametrize(("color", "depth"), [(0, 1), (0, 8), (0, 16), (2, 8), (3, 8)])
@pytest.mark.parametrize("rows", [1, HEIGHT // 2, HEIGHT - 1])
def test_missing_rows(color, depth, rows, tmp_path):
    file = write_png(tmp_path / "a.png", rows, color, depth)
    with pytest.raises(DataError, match=r"a\.png: cannot read the image \(its pixels are incomplete: \d+ of \d+ bytes"):
        read_image(file)
    assert read_image(write_png(file, HEIGHT, color, depth)).shape == (3, HEIGHT, WIDTH)


@pytest.mark.parametrize("read", [read_label_map, read_panoptic_map])
def test_label_maps_and_panoptic_maps(read, tmp_path):
    color = 2 if read is read_panoptic_map else 0
    with pytest.raises(DataError, match=r"a\.png: .*incomplete"):
        read(write_png(tmp_path / "a.png", HEIGHT - 2, color))


@pytest.mark.parametrize("parts", [1, 3])
def test_black_rows_that_are_there(parts, tmp_path):
    file = write_png(tmp_path / "a.png", HEIGHT, 0, 8, parts, value=0)
    assert not read_image(file).any()
    write_png(file, HEIGHT + 5, 0, 8, parts, value=0)  # surplus rows are nobody's harm
    assert not read_image(file).any()


def test_large_black_images_are_whole(tmp_path):
    """More than are inflated at a time."""
    Image.new("RGB", (1500, 1300)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").shape == (3, 1300, 1500)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (8, 8), (33, 21)])
def test_interlaced_files(size, tmp_path):
    """Pillow writes none, so the passes are made here."""
    width, height = size
    pixels, rows = np.zeros((height, width), dtype=np.uint8), b""
    for left, top, across, down in (
        (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
    ):  # fmt: skip
        part = pixels[top::down, left::across]
        if part.size:
            rows += b"".join(b"\0" + row.tobytes() for row in part)
    for content, is_whole in ((rows, True), (rows[: len(rows) // 2], size == (1, 1))):
        head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
        chunks = (
            chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(content if content else rows)) + chunk(b"IEND", b"")
        )
        file = tmp_path / "a.png"
        file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
        if is_whole and content == rows:
            assert read_image(file).shape == (3, height, width)
        elif not is_whole:
            with pytest.raises(DataError, match=r"a\.png: cannot read the image"):
                read_image(file)
