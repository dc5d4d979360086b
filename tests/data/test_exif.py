"""Orientation from metadata of any condition."""

import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from segkit.data.exif import orientation_of
from segkit.data.images import read_image
from tests.helpers.image_files import exif_block

TURN = (0x0112, 3, 1, struct.pack("<H", 6))
BROKEN = {
    "a rational of zeros": (282, 5, 1, struct.pack("<II", 0, 0)),
    "a number as text": (271, 12, 1, struct.pack("<d", 1.5)),
    "a negative number as unsigned": (282, 10, 1, struct.pack("<ii", -1, 3)),
    "a pointer beyond the block": (34665, 4, 1, struct.pack("<I", 99999)),
    "a pointer as text": (34853, 2, 3, b"ab\0"),
    "an unknown type": (300, 77, 9, b"\xff\xff\xff\xff"),
    "a count without end": (305, 2, 2**32 - 1, b"\0\0\0\0"),
}


def write(file, block, array):
    Image.fromarray(array).save(file, exif=b"Exif\0\0" + block if file.suffix == ".jpg" else block)


@pytest.fixture
def array():
    return np.random.default_rng(0).integers(0, 255, (4, 6, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_other_tags_are_never_read(tmp_path, array, name, broken):
    write(tmp_path / name, exif_block([broken, TURN]), array)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Pillow itself looks for the resolution of a JPEG when it opens one.
        warnings.filterwarnings("ignore", "Tag data larger than file", UserWarning)
        assert read_image(tmp_path / name).shape == (3, 6, 4)


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"garbage",
        b"II*\0",
        exif_block([TURN])[:14],
        b"II*\0" + struct.pack("<I", 2**31),
        exif_block([]),
        exif_block([(0x0112, 2, 2, b"6\0")]),
        exif_block([(0x0112, 3, 0, b"")]),
        exif_block([(0x0112, 3, 1, struct.pack("<H", 9))]),
        exif_block([(0x0112, 11, 1, struct.pack("<f", float("nan")))]),
        exif_block([(0x0112, 3, 2**31, b"\xff\xff\xff\xff")]),
    ],
)
def test_without_an_orientation_an_image_stays(tmp_path, array, block):
    assert orientation_of(block) in (None, 1)
    write(tmp_path / "a.png", block, array)
    assert read_image(tmp_path / "a.png").permute(1, 2, 0).tolist() == array.tolist()


@pytest.mark.parametrize(
    "block",
    [
        exif_block([TURN]),
        exif_block([(0x0112, 3, 1, struct.pack(">H", 6))], order=">"),
        exif_block([(0x0112, 4, 1, struct.pack("<I", 6))]),
        exif_block([(0x0112, 3, 2, struct.pack("<HH", 6, 6))]),
        exif_block([(0x0112, 3, 3, struct.pack("<HHH", 6, 6, 6))]),
        exif_block([(0x0112, 11, 1, struct.pack("<f", 6.0))]),
        b"Exif\0\0Exif\0\0" + exif_block([TURN]),
    ],
)
def test_an_orientation_in_any_form(block):
    assert orientation_of(block) == 6


@pytest.mark.parametrize("value", range(1, 9))
def test_orientations_are_those_of_pillow(tmp_path, array, value):
    exif = Image.Exif()
    exif[0x0112] = value
    for name in ("a.png", "a.tif"):
        Image.fromarray(array).save(tmp_path / name, exif=exif)
        read = read_image(tmp_path / name).permute(1, 2, 0)
        turned = np.array([array, array[:, ::-1], array[::-1, ::-1], array[::-1]][value - 1]) if value < 5 else None
        if turned is None:
            flipped = array.transpose(1, 0, 2)
            turned = [flipped, flipped[:, ::-1], flipped[::-1, ::-1], flipped[::-1]][value - 5]
        assert read.tolist() == turned.tolist(), name


def test_orientation_from_other_metadata(tmp_path, array):
    from PIL.PngImagePlugin import PngInfo

    imagemagick, xmp = PngInfo(), PngInfo()
    block = b"Exif\0\0" + exif_block([TURN])
    imagemagick.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{block.hex()}\n")
    xmp.add_itxt("XML:com.adobe.xmp", '<rdf:Description tiff:Orientation="6"/>')
    for info in (imagemagick, xmp):
        Image.fromarray(array).save(tmp_path / "a.png", pnginfo=info)
        assert read_image(tmp_path / "a.png").shape == (3, 6, 4)
