import pytest
import torch

from segkit.data.padding import padded_size, stack_padded


@pytest.mark.parametrize(
    ("sizes", "divisor", "padded"),
    [([(32, 64)], 32, (32, 64)), ([(33, 10), (20, 65)], 32, (64, 96)), ([(5, 7), (9, 3)], 1, (9, 7))],
)
def test_the_least_multiples_that_hold_all(sizes, divisor, padded):
    assert padded_size(sizes, divisor) == padded


def test_images_lie_top_left_and_zeros_around_them():
    images = [
        torch.randint(1, 256, (3, 4, 7), dtype=torch.uint8),
        torch.randint(1, 256, (3, 6, 2), dtype=torch.uint8),
    ]
    batch = stack_padded(images, (8, 8))
    assert batch.shape == (2, 3, 8, 8)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    for padded, image in zip(batch, images, strict=True):
        _, height, width = image.shape
        assert torch.equal(padded[:, :height, :width], image)
        assert padded.count_nonzero() == image.numel()
