"""Label maps of all modes and formats: ids as they are stored, or an error."""

import re
import struct

import numpy as np
import pytest
from PIL import Image

from segkit.data.label_maps import read_label_map
from segkit.errors import DataError
from tests.helpers.image_files import write_png

STORE = "Store one id per pixel in a grayscale PNG of 8 or 16 bits, or in a palette PNG."
IDS = np.array([[0, 1, 2], [5, 200, 255]], dtype=np.uint8)


def refused(file, message):
    with pytest.raises(DataError, match=f"^{re.escape(f'{file}: {message}')}$"):
        read_label_map(file)


def test_a_label_map_keeps_its_ids(tmp_path):
    ids = np.array([[0, 1], [150, 255]])
    Image.fromarray(ids.astype(np.uint8)).save(tmp_path / "gray.png")
    palette = Image.fromarray(ids.astype(np.uint8)).convert("P")
    palette.putpalette([200] * 768)
    palette.save(tmp_path / "palette.png")
    for name in ("gray.png", "palette.png"):
        read = read_label_map(tmp_path / name)
        assert read.dtype == np.uint8
        assert read.tolist() == ids.tolist()


def test_a_sixteen_bit_label_map_keeps_its_ids(tmp_path):
    ids = np.array([[0, 300], [65535, 7]], dtype=np.uint16)
    Image.fromarray(ids).save(tmp_path / "a.png")
    assert read_label_map(tmp_path / "a.png").dtype == np.uint16
    assert read_label_map(tmp_path / "a.png").tolist() == ids.tolist()


def test_a_one_bit_label_map_holds_0_and_1(tmp_path):
    Image.fromarray(np.array([[False, True]])).save(tmp_path / "a.png")
    assert read_label_map(tmp_path / "a.png").tolist() == [[0, 1]]


@pytest.mark.parametrize(("bits", "row", "ids"), [(2, b"\x1b", [0, 1, 2, 3]), (4, b"\x1f\x02", [1, 15, 0, 2])])
def test_ids_packed_in_few_bits_are_not_stretched(tmp_path, bits, row, ids):
    write_png(tmp_path / "a.png", [row], width=4, bits=bits, kind=0)
    assert read_label_map(tmp_path / "a.png").tolist() == [ids]


def test_few_colors_in_a_palette_keep_their_index(tmp_path):
    image = Image.fromarray(np.array([[0, 1, 2, 3]], dtype=np.uint8)).convert("P")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save(tmp_path / "a.png", bits=2)
    assert read_label_map(tmp_path / "a.png").tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "pgm", "tga", "pcx"])
def test_lossless_formats_keep_ids(tmp_path, suffix):
    Image.fromarray(IDS).save(tmp_path / f"a.{suffix}")
    assert read_label_map(tmp_path / f"a.{suffix}").tolist() == IDS.tolist()


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_a_compressed_tiff_keeps_ids(tmp_path, compression):
    Image.fromarray(IDS).save(tmp_path / "a.tif", compression=compression)
    assert read_label_map(tmp_path / "a.tif").tolist() == IDS.tolist()


@pytest.mark.parametrize("mode", ["LA", "RGB", "RGBA"])
def test_equal_channels_are_ids(tmp_path, mode):
    Image.fromarray(IDS).convert(mode).save(tmp_path / "a.png")
    read = read_label_map(tmp_path / "a.png")
    assert read.dtype == np.uint8
    assert read.tolist() == IDS.tolist()


def test_whole_floating_point_numbers_are_ids(tmp_path):
    Image.fromarray(IDS.astype(np.float32)).save(tmp_path / "a.tif")
    assert read_label_map(tmp_path / "a.tif").tolist() == IDS.tolist()


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf, -1.0, 65536.0])
def test_other_numbers_are_refused(tmp_path, value):
    Image.fromarray(np.full((2, 2), value, dtype=np.float32)).save(tmp_path / "a.tif")
    refused(tmp_path / "a.tif", f"the label map holds numbers that are not whole or not in 0..65535. {STORE}")


@pytest.mark.parametrize("value", [-1, 65536])
def test_wide_numbers_are_refused(tmp_path, value):
    Image.fromarray(np.full((2, 2), value, dtype=np.int32)).save(tmp_path / "a.tif")
    refused(tmp_path / "a.tif", f"the label map holds numbers that are not whole or not in 0..65535. {STORE}")


def test_colors_are_refused(tmp_path):
    colors = np.array([[[0, 0, 0], [128, 64, 128]], [[7, 7, 7], [0, 0, 142]]], dtype=np.uint8)
    Image.fromarray(colors).save(tmp_path / "a.png")
    refused(
        tmp_path / "a.png",
        "the label map is a color image with colors such as (0, 0, 142), (128, 64, 128); colors are no ids. Replace "
        f"each color by the id of its class. {STORE}",
    )


def test_a_mask_that_lies_in_the_transparency_is_refused(tmp_path):
    alpha = np.zeros((2, 2, 4), dtype=np.uint8)
    alpha[0, 0, 3] = 255
    Image.fromarray(alpha).save(tmp_path / "a.png")
    refused(
        tmp_path / "a.png",
        f"the label map is transparent in parts, so it does not show what its transparent pixels are. {STORE}",
    )


@pytest.mark.parametrize(("kind", "row"), [(2, struct.pack(">3H", 1, 1, 1)), (4, struct.pack(">2H", 1, 65535))])
def test_several_channels_of_16_bits_would_lose_their_ids(tmp_path, kind, row):
    write_png(tmp_path / "a.png", [row], width=1, bits=16, kind=kind)
    refused(
        tmp_path / "a.png",
        f"a label map of 16 bits a channel and several channels holds no ids. {STORE}",
    )


def test_another_mode_is_refused(tmp_path):
    Image.new("CMYK", (2, 2)).save(tmp_path / "a.tif")
    refused(tmp_path / "a.tif", f"a label map of mode CMYK holds no ids. {STORE}")


@pytest.mark.parametrize(
    ("name", "settings", "format_"),
    [
        ("a.jpg", {}, "JPEG"),
        ("a.png", {"format": "JPEG"}, "JPEG"),
        ("a.webp", {}, "WEBP"),
        ("a.jp2", {}, "JPEG2000"),
        ("a.tif", {"compression": "jpeg"}, "JPEG"),
    ],
)
def test_lossy_files_are_refused_whatever_their_suffix(tmp_path, name, settings, format_):
    Image.fromarray(IDS).resize((16, 16)).save(tmp_path / name, **settings)
    refused(
        tmp_path / name,
        f"a label map in the format {format_} holds no ids that can be trusted, since lossy compression changes them. "
        "Export it from its source again, as PNG; converting this file does not restore the ids.",
    )


@pytest.mark.parametrize("ids", [[0, 1], [0, 1, 2], list(range(256))])
def test_a_gif_whose_palette_is_its_ids(tmp_path, ids):
    stored = np.resize(np.array(ids, dtype=np.uint8), (16, 16))
    Image.fromarray(stored).save(tmp_path / "a.gif")
    assert read_label_map(tmp_path / "a.gif").tolist() == stored.tolist()


@pytest.mark.parametrize("ids", [[0, 5], [0, 255], [3, 7]])
def test_a_gif_whose_colors_were_numbered_anew_is_refused(tmp_path, ids):
    """Pillow and others store id 5 as the second color: its index is 1."""
    Image.fromarray(np.resize(np.array(ids, dtype=np.uint8), (4, 4))).save(tmp_path / "a.gif")
    refused(
        tmp_path / "a.gif",
        "a GIF stores colors, and its palette does not show which ids they stand for. Export the label map from its "
        "source again, as PNG.",
    )


def test_damaged_pixels_are_found_by_the_checksum(tmp_path):
    file = tmp_path / "a.png"
    Image.fromarray(IDS.repeat(40, 0).repeat(40, 1)).save(file, compress_level=0)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1  # one bit of one pixel, in a block that is stored as it is
    file.write_bytes(data)
    refused(
        file,
        "cannot read the image (its pixels are damaged: a checksum of the PNG is wrong). Replace or remove it.",
    )


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.gif"])
def test_several_pages_are_refused(tmp_path, name):
    """One of them holds the ids, and nothing tells which one."""
    pages = [Image.new("L", (6, 4), number) for number in range(3)]
    pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
    refused(
        tmp_path / name,
        "a label map of several pages or frames, 6x4 each. Only one can hold the ids. Store one id per pixel in a "
        "grayscale PNG of 8 or 16 bits, or in a palette PNG.",
    )


def test_previews_of_other_sizes_are_left_out(tmp_path):
    """GeoTIFF has them."""
    pages = [Image.new("L", (8 >> number, 4 >> number), 7) for number in range(3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert read_label_map(tmp_path / "a.tif").tolist() == [[7] * 8] * 4
