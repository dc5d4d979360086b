import pytest
import torch
from PIL import Image

from segkit.data.image_source import to_image
from segkit.ops.images import resize_image


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("size", [(7, 9), (40, 31), (12, 1), (30, 1), (1, 12), (1, 1)])
def test_equal_to_pillow(size, channels_last):
    image = torch.randint(0, 256, (3, 20, 24), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    if channels_last:  # as decoders write
        image = image.permute(1, 2, 0).contiguous().permute(2, 0, 1)

    resized = resize_image(image, size)

    pillow = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()).resize(size[::-1], Image.Resampling.BILINEAR)
    assert resized.shape == (3, *size)
    assert (resized.int() - to_image(pillow).int()).abs().max() <= 1
