"""Which files are images."""

import numpy as np
import pytest
from PIL import Image

from segkit.data.formats import image_formats, image_suffixes, label_suffixes
from segkit.data.images import read_image
from segkit.data.listing import list_folder


def test_the_usual_suffixes_are_images():
    usual = "jpg jpeg jfif jpe png apng bmp dib tif tiff webp gif ppm pgm pbm pnm jp2 j2k tga pcx psd ico sgi qoi"
    assert {f".{suffix}" for suffix in usual.split()} <= image_suffixes()


def test_programs_videos_and_point_clouds_are_no_images():
    others = "eps ps pdf wmf emf mpg mpeg flc fli h5 hdf grib bufr pcd txt json npy"
    assert not {f".{suffix}" for suffix in others.split()} & image_suffixes()
    assert not {"EPS", "PDF", "WMF", "MPEG", "FLI", "PCD"} & set(image_formats())


def test_label_files_are_lossless_images():
    assert label_suffixes() < image_suffixes()
    assert {".png", ".tif", ".tiff", ".bmp", ".gif", ".pgm"} <= label_suffixes()
    assert not {".jpg", ".jpeg", ".jfif", ".webp", ".jp2", ".avif"} & label_suffixes()


@pytest.mark.parametrize(
    "suffix", ["jfif", "jpe", "jp2", "webp", "dib", "pcx", "tga", "sgi", "im", "pbm", "qoi", "apng", "j2k"]
)
def test_suffixes_that_pillow_writes_are_read(tmp_path, suffix):
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(np.full((16, 24, 3), 255, dtype=np.uint8)).convert("1" if suffix == "pbm" else "RGB").save(file)
    assert file.suffix in image_suffixes()
    assert tuple(read_image(file).shape) == (3, 16, 24)


def test_the_first_image_of_an_mpo_file_is_read(tmp_path):
    file = tmp_path / "a.mpo"
    Image.new("RGB", (24, 16), "white").save(file, save_all=True, append_images=[Image.new("RGB", (8, 8))])
    assert ".mpo" in image_suffixes() - label_suffixes()
    assert [one.name for one in list_folder(tmp_path).images] == ["a.mpo"]
    image = read_image(file)
    assert (tuple(image.shape), int(image.min())) == ((3, 16, 24), 255)


def test_a_format_that_a_plugin_of_pillow_adds_is_found(monkeypatch):
    monkeypatch.setitem(Image.EXTENSION, ".heic", "HEIF")
    assert ".heic" not in image_suffixes()  # written, perhaps, but not opened
    monkeypatch.setitem(Image.OPEN, "HEIF", (lambda file, name: None, None))
    monkeypatch.setattr(Image, "ID", [*Image.ID, "HEIF"])
    assert ".heic" in image_suffixes()
    assert "HEIF" in image_formats()
