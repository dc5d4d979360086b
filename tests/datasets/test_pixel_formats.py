"""Datasets of other images than RGB: what they publish and read, and files that differ."""

import numpy as np
import pytest
import torch
from PIL import Image

from segkit.datasets.concat import Concat
from segkit.datasets.instance_folder import InstanceFolder
from segkit.datasets.mask_folder import MaskFolder
from segkit.datasets.shapes import Shapes
from segkit.errors import DataError
from segkit.testing import check_dataset
from segkit.types import PixelFormat
from tests.helpers.band_files import write_bands


def settings(folder, **changes):
    return {key: value for key, value in {**write_bands(folder, 2), **changes}.items() if key != "type"}


def test_images_are_what_the_files_hold(tmp_path):
    dataset = MaskFolder(**settings(tmp_path))
    check_dataset(dataset)
    assert dataset.pixel_format == PixelFormat(5, "uint16")
    values = np.load(tmp_path / "images/0.npy")
    assert torch.equal(dataset[0].image, torch.from_numpy(values).permute(2, 0, 1))


def test_instances_have_such_images_too(tmp_path):
    dataset = InstanceFolder(**settings(tmp_path, classes=["thing"]))
    check_dataset(dataset)
    assert dataset[0].image.shape == (5, 32, 32)


def test_a_file_of_other_channels_is_named(tmp_path):
    dataset = MaskFolder(**settings(tmp_path))
    np.save(tmp_path / "images/1.npy", np.zeros((32, 32, 4), dtype=np.uint16))
    assert dataset[0].size == (32, 32)
    with pytest.raises(DataError) as caught:
        dataset[1]
    assert str(caught.value).startswith(f"{tmp_path}/images/1.npy: the file holds 4 channels of uint16, not 5 channels")


def test_values_of_16_bits_in_a_set_of_8_are_refused(tmp_path):
    dataset = MaskFolder(**settings(tmp_path, pixel_type="uint8"))
    with pytest.raises(DataError, match="the file holds 5 channels of uint16, not 5 channels of uint8"):
        dataset[0]


def test_arrays_are_no_images_of_an_rgb_dataset(tmp_path):
    changes = settings(tmp_path, channels=3, pixel_type="uint8")
    for number in range(2):
        Image.new("L", (32, 32), 9).save(tmp_path / f"images/{number}.png")
    with pytest.warns(UserWarning, match="2 files without the suffix of an image: 0.npy, 1.npy"):
        dataset = MaskFolder(**changes)
    assert dataset[0].image.shape == (3, 32, 32)


def test_a_folder_of_arrays_alone_tells_what_to_set(tmp_path):
    with pytest.raises(DataError) as caught:
        MaskFolder(**settings(tmp_path, channels=3, pixel_type="uint8"))
    assert str(caught.value) == (
        f"{tmp_path}/images: there are no images in this folder. It holds 2 other files: 0.npy, 1.npy. NumPy's files "
        "are images of other channels than RGB: set 'channels' and 'pixel_type' to what they hold."
    )


def test_datasets_of_different_images_are_not_joined(tmp_path):
    bands = MaskFolder(**settings(tmp_path))
    assert Concat([bands, bands]).pixel_format == PixelFormat(5, "uint16")
    with pytest.raises(DataError) as caught:
        Concat([bands, Shapes(length=1)], classes=[*bands.classes.names, *Shapes(length=1).classes.names])
    assert str(caught.value) == (
        "concat: datasets: dataset 2 has images of 3 channels of uint8, but dataset 1 of 5 channels of uint16. A model "
        "takes images of one kind: choose datasets of the same channels and type."
    )
