"""Images of all modes, made on the spot."""

import re
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from segkit.data.images import read_image, read_panoptic_map
from segkit.data.label_maps import read_color_map, read_label_map
from segkit.errors import DataError
from tests.helpers.image_files import write_png


def pixels(file):
    """(H,W,3), as nested lists."""
    image = read_image(file)
    assert image.dtype == torch.uint8
    assert image.permute(1, 2, 0).is_contiguous()
    return image.permute(1, 2, 0).tolist()


def test_rgb(tmp_path):
    Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], dtype=np.uint8)).save(tmp_path / "a.png")
    assert pixels(tmp_path / "a.png") == [[[1, 2, 3], [4, 5, 6]]]


def test_gray(tmp_path):
    Image.fromarray(np.array([[7, 200]], dtype=np.uint8)).save(tmp_path / "a.png")
    assert pixels(tmp_path / "a.png") == [[[7, 7, 7], [200, 200, 200]]]


def test_one_bit(tmp_path):
    Image.fromarray(np.array([[False, True]])).save(tmp_path / "a.png")
    assert pixels(tmp_path / "a.png") == [[[0, 0, 0], [255, 255, 255]]]


def test_sixteen_bit_gray_is_scaled_not_clipped(tmp_path):
    Image.fromarray(np.array([[0, 257, 25700, 65535]], dtype=np.uint16)).save(tmp_path / "a.png")
    assert [gray for gray, _, _ in pixels(tmp_path / "a.png")[0]] == [0, 1, 100, 255]
    Image.fromarray(np.array([[0, 257, 25700, 65535]], dtype=np.uint16)).save(tmp_path / "a.tif")
    assert [gray for gray, _, _ in pixels(tmp_path / "a.tif")[0]] == [0, 1, 100, 255]


def test_a_dark_sixteen_bit_image_stays_dark(tmp_path):
    Image.fromarray(np.array([[0, 1028]], dtype=np.uint16)).save(tmp_path / "a.png")
    assert [gray for gray, _, _ in pixels(tmp_path / "a.png")[0]] == [0, 4]


def test_thirty_two_bit_gray_is_scaled(tmp_path):
    Image.fromarray(np.array([[0, 2**30, 2**31 - 1]], dtype=np.int32)).save(tmp_path / "a.tif")
    assert [gray for gray, _, _ in pixels(tmp_path / "a.tif")[0]] == [0, 128, 255]


def test_sixteen_bit_rgb(tmp_path):
    write_png(tmp_path / "a.png", [struct.pack(">3H", 65535, 25700, 0)], width=1, bits=16, kind=2)
    assert pixels(tmp_path / "a.png") == [[[255, 100, 0]]]


@pytest.mark.parametrize("transparent", [False, True])
def test_palette(tmp_path, transparent):
    image = Image.fromarray(np.array([[0, 1]], dtype=np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "a.png", **({"transparency": b"\x00\x80"} if transparent else {}))
    assert pixels(tmp_path / "a.png") == [[[10, 20, 30], [40, 50, 60]]]


@pytest.mark.parametrize(("mode", "color", "expected"), [("RGBA", (9, 8, 7, 0), [9, 8, 7]), ("LA", (9, 0), [9, 9, 9])])
def test_transparency_is_dropped(tmp_path, mode, color, expected):
    Image.new(mode, (1, 1), color).save(tmp_path / "a.png")
    assert pixels(tmp_path / "a.png") == [[expected]]


def test_cmyk(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    assert Image.open(tmp_path / "a.jpg").mode == "CMYK"
    red, green, blue = pixels(tmp_path / "a.jpg")[4][4]
    assert red > 250
    assert green < 5
    assert blue < 5


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_the_rotation_in_a_file_is_applied_to_images_and_label_maps_alike(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    array = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8)
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(array).save(file, exif=exif)
    turned = [[4, 1], [5, 2], [6, 3]]
    assert read_image(file)[0].tolist() == turned
    assert read_label_map(file).tolist() == turned
    assert read_color_map(file).tolist() == (np.array(turned) * 0x10101).tolist()
    Image.fromarray(array).convert("RGB").save(file, exif=exif)
    assert read_panoptic_map(file).tolist() == (np.array(turned) * 0x10101).tolist()


@pytest.mark.parametrize("read", [read_image, read_label_map, read_panoptic_map])
class TestBadFiles:
    def test_missing(self, tmp_path, read):
        message = f"{tmp_path}/a.png: there is no such file. Restore it or correct the path."
        with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
            read(tmp_path / "a.png")

    def test_no_image(self, tmp_path, read):
        (tmp_path / "a.png").write_text("hello")
        message = f"{tmp_path}/a.png: this is not an image, or its format cannot be read. Replace or remove it."
        with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
            read(tmp_path / "a.png")

    def test_a_folder(self, tmp_path, read):
        message = f"{tmp_path}: cannot read the image (Is a directory). Replace or remove it."
        with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
            read(tmp_path)

    @pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
    def test_truncated(self, tmp_path, read, suffix):
        file = tmp_path / f"a.{suffix}"
        noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(file)
        file.write_bytes(file.read_bytes()[:2000])
        with pytest.raises(DataError) as error:
            read(file)
        assert re.fullmatch(
            re.escape(f"{file}: cannot read the image (")
            + "image file is truncated.*"
            + re.escape("). Replace or remove it."),
            str(error.value),
        )


def test_floating_point_is_refused(tmp_path):
    Image.fromarray(np.zeros((2, 2), dtype=np.float32)).save(tmp_path / "a.tif")
    message = f"{tmp_path}/a.tif: an image of floating-point values has no known range. Store it with 8 or 16 bits."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_panoptic_map_puts_three_bytes_together(tmp_path, mode):
    image = Image.fromarray(np.array([[[1, 2, 3], [255, 255, 255], [0, 0, 0]]], dtype=np.uint8))
    if mode == "RGBA":
        image.putalpha(200)
    image.save(tmp_path / "a.png")
    read = read_panoptic_map(tmp_path / "a.png")
    assert read.dtype == np.int32
    assert read.tolist() == [[1 + 2 * 256 + 3 * 65536, 2**24 - 1, 0]]


def test_a_gray_panoptic_map_is_refused(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    message = (
        f"{tmp_path}/a.png: a panoptic map of mode L holds no segment ids. Store them in an RGB PNG, as "
        f"R + 256 G + 65536 B."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        read_panoptic_map(tmp_path / "a.png")


def test_real_gray_jpeg(shared_data):
    image = read_image(shared_data / "coco_panoptic_sample/images/train2017/000000000086.jpg")
    assert image.shape[0] == 3
    assert torch.equal(image[0], image[2])
