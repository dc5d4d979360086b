"""JPEG files that end before their last row."""

import io

import numpy as np
import pytest
from PIL import Image

from segkit.data.images import read_image
from segkit.errors import DataError

END = b"\xff\xd9"


def encoded(values, **settings):
    file = io.BytesIO()
    Image.fromarray(values).save(file, "JPEG", quality=85, **settings)
    return file.getvalue()


def noise(height=96, width=128, channels=3):
    generator = np.random.default_rng(0)
    values = generator.integers(0, 256, (height, width, channels), dtype=np.uint8)
    return values if channels > 1 else values[..., 0]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("progressive", [False, True])
def test_missing_rows(tmp_path, channels, progressive):
    data = encoded(noise(channels=channels), progressive=progressive)
    start = data.rindex(b"\xff\xda") if not progressive else data.index(b"\xff\xda")
    first_pass = data.index(b"\xff\xc4", start) - start if progressive else len(data) - start
    for part in (0.1, 0.5, 0.7 if progressive else 0.9):
        (tmp_path / "a.jpg").write_bytes(data[: start + 12 + int(part * (first_pass - 12))] + END)
        with pytest.raises(DataError, match=r"a\.jpg: cannot read the image \(its pixels are incomplete"):
            read_image(tmp_path / "a.jpg")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("settings", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("color", [0, 128, 255])
def test_images_that_end_in_one_color_are_complete(tmp_path, settings, color):
    for size in ((96, 128), (97, 131), (1, 1), (20, 300)):
        values = noise(*size)
        values[size[0] // 2 :] = color
        for trailer in (b"", b"trailer", b"\x00" + END + b"x"):
            (tmp_path / "a.jpg").write_bytes(encoded(values, **settings) + trailer)
            assert read_image(tmp_path / "a.jpg").shape == (3, *size)


def test_gray_and_cmyk(tmp_path):
    for mode in ("L", "CMYK"):
        Image.new(mode, (40, 30)).save(tmp_path / "a.jpg")
        assert read_image(tmp_path / "a.jpg").shape == (3, 30, 40)
