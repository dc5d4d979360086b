"""Images from arrays, tensors, PIL images and paths."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segkit.data.image_source import FORMS, to_image
from segkit.errors import DataError

ARRAY = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
IMAGE = torch.arange(12, dtype=torch.uint8).reshape(2, 2, 3).permute(2, 0, 1)
GRAY = torch.tensor([[5, 6]], dtype=torch.uint8)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (ARRAY, IMAGE),
        (ARRAY[::-1], IMAGE.flip(1)),
        (IMAGE, IMAGE),
        (Image.fromarray(ARRAY), IMAGE),
        (GRAY, GRAY.repeat(3, 1, 1)),
        (GRAY[None], GRAY.repeat(3, 1, 1)),
        (GRAY.numpy(), GRAY.repeat(3, 1, 1)),
        (GRAY.numpy()[..., None], GRAY.repeat(3, 1, 1)),
        (Image.fromarray(GRAY.numpy()), GRAY.repeat(3, 1, 1)),
    ],
)
def test_an_image_in_any_form(source, expected):
    image = to_image(source)
    assert torch.equal(image, expected)
    assert image.dtype == torch.uint8


def test_a_read_only_array_is_copied():
    array = ARRAY.copy()
    array.flags.writeable = False
    assert torch.equal(to_image(array), IMAGE)


def test_a_path_is_a_source_too(tmp_path):
    Image.new("RGB", (3, 2)).save(tmp_path / "a.png")
    assert to_image(tmp_path / "a.png").shape == (3, 2, 3)
    assert to_image(str(tmp_path / "a.png")).shape == (3, 2, 3)


SCALE = "Scale its values to 0..255 and convert it to uint8."


@pytest.mark.parametrize(
    ("source", "what", "problem"),
    [
        (np.zeros((2, 4)), "an array of shape (2, 4) and type float64", SCALE),
        (torch.zeros(3, 2, 4), "a tensor of shape (3, 2, 4) and type float32", SCALE),
        (np.zeros((2, 4), dtype=bool), "an array of shape (2, 4) and type bool", SCALE),
        (
            np.zeros((3, 2, 4), dtype=np.uint8),
            "an array of shape (3, 2, 4) and type uint8",
            "Its channels must come last: image.transpose(1, 2, 0).",
        ),
        (
            torch.zeros(2, 4, 3, dtype=torch.uint8),
            "a tensor of shape (2, 4, 3) and type uint8",
            "Its channels must come first: image.permute(2, 0, 1).",
        ),
        (
            np.zeros((2, 5, 4), dtype=np.uint8),
            "an array of shape (2, 5, 4) and type uint8",
            "Drop its fourth channel: image[..., :3].",
        ),
        (
            torch.zeros(4, 2, 5, dtype=torch.uint8),
            "a tensor of shape (4, 2, 5) and type uint8",
            "Drop its fourth channel: image[:3].",
        ),
        (
            torch.zeros(2, 3, 8, 8, dtype=torch.uint8),
            "a tensor of shape (2, 3, 8, 8) and type uint8",
            "Pass several images as a list.",
        ),
        (np.zeros((0, 2), dtype=np.uint8), "an array of shape (0, 2) and type uint8", FORMS),
        (np.zeros((2,), dtype=np.uint8), "an array of shape (2,) and type uint8", FORMS),
        (np.zeros((2, 4, 5), dtype=np.uint8), "an array of shape (2, 4, 5) and type uint8", FORMS),
        (7, "a value of type int", FORMS),
        (b"street.jpg", "a value of type bytes", FORMS),
        (None, "a value of type NoneType", FORMS),
    ],
)
def test_what_is_no_image_is_refused(source, what, problem):
    with pytest.raises(DataError) as caught:
        to_image(source)
    assert str(caught.value) == f"{what} is not an image. {problem}"


@pytest.mark.parametrize("address", ["https://example.org/a.jpg", "http://a/b.png", "s3://a/b.png", "file:///a/b.png"])
@pytest.mark.parametrize("form", [str, Path])
def test_an_address_is_refused_by_name(address, form):
    with pytest.raises(DataError) as caught:
        to_image(form(address))
    assert str(caught.value) == (
        f"{form(address)}: this is an address, and segkit loads nothing from the network. Download the file and give "
        "its path."
    )


def test_a_file_may_be_named_like_an_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "https:").mkdir()
    Image.new("RGB", (3, 2)).save("https:/a.png")
    assert to_image("https:/a.png").shape == (3, 2, 3)
