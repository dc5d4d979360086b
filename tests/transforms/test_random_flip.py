import torch

from segkit.transforms.random_flip import RandomFlip
from segkit.types import Sample


def test_left_and_right_are_exchanged(sample, agree):
    flipped = RandomFlip(probability=1)(sample)
    assert torch.equal(flipped.image, sample.image.flip(2))
    assert agree(flipped) == 1
    assert torch.equal(flipped.target.valid, sample.target.valid.flip(1))
    assert flipped.target.areas.tolist() == [1, 2, 3]


def test_overlapping_masks_are_flipped(overlapping):
    flipped = RandomFlip(probability=1)(overlapping)
    assert torch.equal(flipped.target.masks, overlapping.target.masks.flip(2))


def test_a_probability_of_zero_changes_nothing(sample):
    assert RandomFlip(probability=0)(sample) is sample


def test_half_of_the_images_are_flipped():
    torch.manual_seed(0)
    sample = Sample(torch.tensor([[[0, 1]]] * 3, dtype=torch.uint8), None, "a.png", "a")
    flip = RandomFlip()
    assert 80 < sum(int(flip(sample).image[0, 0, 0]) for _ in range(200)) < 120
