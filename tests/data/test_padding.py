import pytest
import torch

from segkit.data.padding import padded_size, stack_padded


@pytest.mark.parametrize(
    ("sizes", "divisor", "padded"),
    [([(32, 64)], 32, (32, 64)), ([(33, 10), (20, 65)], 32, (64, 96)), ([(5, 7), (9, 3)], 1, (9, 7))],
)
def test_the_least_multiples_that_hold_all(sizes, divisor, padded):
    assert padded_size(sizes, divisor) == padded


def test_pictures_lie_top_left_and_zeros_around_them():
    pictures = [
        torch.randint(1, 256, (3, 4, 7), dtype=torch.uint8),
        torch.randint(1, 256, (3, 6, 2), dtype=torch.uint8),
    ]
    images = stack_padded(pictures, (8, 8))
    assert images.shape == (2, 3, 8, 8)
    assert images.is_contiguous(memory_format=torch.channels_last)
    for image, picture in zip(images, pictures, strict=True):
        _, height, width = picture.shape
        assert torch.equal(image[:, :height, :width], picture)
        assert image.count_nonzero() == picture.numel()
