import numpy as np
import pytest
import torch
from PIL import Image

from segkit.data.pixel_files import pixel_rows, read_pixels, size_in_pixels
from segkit.errors import DataError
from segkit.types import RGB, PixelFormat


def test_rgb_is_made_of_any_image_but_not_of_arrays(tmp_path):
    Image.new("L", (4, 3), 7).save(tmp_path / "a.png")
    assert read_pixels(tmp_path / "a.png", RGB).shape == pixel_rows(tmp_path / "a.png", RGB).read(0, 3).shape
    np.save(tmp_path / "a.npy", np.full((3, 4, 3), 7, dtype=np.uint8))
    assert torch.equal(read_pixels(tmp_path / "a.npy", RGB), read_pixels(tmp_path / "a.png", RGB))
    np.save(tmp_path / "a.npy", np.full((3, 4, 1), 7, dtype=np.uint8))
    with pytest.raises(DataError, match="the file holds 1 channel of uint8, not 3 channels of uint8"):
        read_pixels(tmp_path / "a.npy", RGB)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_the_number_of_pixels(tmp_path, suffix):
    Image.new("L", (4, 3)).save(tmp_path / f"a{suffix}")
    assert size_in_pixels(tmp_path / f"a{suffix}", PixelFormat(1)) == 12
    assert size_in_pixels(tmp_path / f"a{suffix}", RGB) == 12
