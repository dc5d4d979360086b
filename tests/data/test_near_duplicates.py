"""Copies of images are told from other images, also from those of one video."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segkit.data.images import read_image
from segkit.data.near_duplicates import near_duplicates, thumbnail
from segkit.datasets.shapes import Shapes

IMAGES = [sample.image for sample in Shapes(length=12, size=[96, 128])]
FIRST = list(map(thumbnail, IMAGES))


def pixels_of(image):
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


def as_jpeg(image, quality=75):
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream)


def copies(images, change):
    return [thumbnail(pixels_of(change(Image.fromarray(one.permute(1, 2, 0).numpy())))) for one in images]


@pytest.mark.parametrize(
    "change",
    [
        as_jpeg,
        lambda image: image.resize((64, 48)),
        lambda image: image.resize((256, 192)),
        lambda image: as_jpeg(image.resize((120, 90)), 80),
    ],
)
def test_copies_are_found(change):
    assert near_duplicates(FIRST, copies(IMAGES, change)) == [(number, number) for number in range(len(IMAGES))]


def test_other_images_are_not():
    unlike = [thumbnail(sample.image) for sample in Shapes(length=100, seed=1, size=[96, 128])]
    assert near_duplicates(FIRST, unlike) == []
    assert near_duplicates(FIRST, []) == near_duplicates([], FIRST) == []


def test_more_images_than_are_compared_at_a_time():
    many = [thumbnail(sample.image) for sample in Shapes(length=130, seed=1)]
    assert near_duplicates(many, many) == [(number, number) for number in range(130)]


def test_images_of_one_tone_tell_nothing():
    black, gray = (thumbnail(torch.full((3, 20, 20), level, dtype=torch.uint8)) for level in (0, 9))
    assert near_duplicates([black], [black, gray]) == []


def test_brighter_images_of_one_structure_are_others():
    brighter = [thumbnail((one.int() + 20).clip(0, 255).to(torch.uint8)) for one in IMAGES]
    assert near_duplicates(FIRST, brighter) == []


@pytest.mark.parametrize(("name", "train", "val"), [("camvid/images", "train", "val")])
def test_no_video_frames_of_both_splits(shared_data, name, train, val):
    found = [
        [thumbnail(read_image(file)) for file in sorted(Path(shared_data, name, part).iterdir())]
        for part in (train, val)
    ]
    assert near_duplicates(*found) == []
