import pytest
import torch

from segkit.ops.targets import label_map_of, pixel_counts
from segkit.transforms.random_crop import RandomCrop, is_varied
from segkit.types import NO_SEGMENT, Sample, Target


def test_image_and_target_are_cropped_alike(sample, agree):
    torch.manual_seed(0)
    corners = set()
    for _ in range(30):
        cut = RandomCrop(size=(20, 30))(sample)
        assert cut.size == cut.target.size == tuple(cut.target.valid.shape) == (20, 30)
        assert agree(cut) == 1
        assert cut.target.areas is None
        corners.add(tuple(cut.image[0, ::19, ::29].flatten().tolist()))
    assert len(corners) > 3


@pytest.mark.parametrize(("size", "expected"), [((20, 100), (20, 64)), ((100, 30), (48, 30)), ((100, 100), (48, 64))])
def test_a_smaller_image_is_kept_whole(sample, size, expected):
    assert RandomCrop(size=size)(sample).size == expected


def test_every_window_is_reached():
    image = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 4).repeat(3, 1, 1)
    torch.manual_seed(0)
    crop = RandomCrop(size=(2, 2))
    first = {int(crop(Sample(image, None, "a.png", "a")).image[0, 0, 0]) for _ in range(100)}
    assert first == {0, 1, 2, 4, 5, 6}


def stripe(width, void=0):
    """1x100: class 7 but for the last `width` pixels of class 2; the first `void` pixels are void."""
    segments = torch.zeros(1, 100, dtype=torch.int16)
    segments[:, -width:] = 1
    segments[:, :void] = NO_SEGMENT
    target = Target(torch.tensor([7, 2]), segments, valid=segments != NO_SEGMENT)
    return Sample(torch.zeros(3, 1, 100, dtype=torch.uint8), target, "a.png", "a")


def largest_fraction(sample):
    counts = pixel_counts(sample.target)
    return (counts / counts.sum()).max().item()


def test_no_class_has_more_than_its_fraction():
    """A window of 20 out of 100 with 60 and 40 of two classes keeps the bound in 11 of 81 places."""
    torch.manual_seed(0)
    crop = RandomCrop(size=(1, 20), max_category_share=0.75)
    kept = [largest_fraction(crop(stripe(40))) <= 0.75 for _ in range(200)]
    assert 0.7 < sum(kept) / 200 < 0.85  # 1 - (70/81)**10 = 0.77
    free = RandomCrop(size=(1, 20))
    assert sum(largest_fraction(free(stripe(40))) <= 0.75 for _ in range(200)) / 200 < 0.25


def test_void_does_not_count():
    """Of 10 pixels that are not void, 5 are of each class; then 6 and 4."""
    assert is_varied(shifted_classes(stripe(5, void=90)), max_fraction=0.5)
    assert not is_varied(shifted_classes(stripe(4, void=90)), max_fraction=0.5)


def test_void_does_not_count_in_crops():
    """Of 15 windows of 16 pixels, 10 of them void, one has 3 pixels of each class; none of the others is varied."""
    segments = torch.tensor([[0] * 10 + [NO_SEGMENT] * 10 + [1] * 10], dtype=torch.int16)
    target = Target(torch.tensor([7, 2]), segments, valid=segments != NO_SEGMENT)
    whole = Sample(torch.zeros(3, 1, 30, dtype=torch.uint8), target, "a.png", "a")
    torch.manual_seed(0)
    crop = RandomCrop(size=(1, 16), max_category_share=0.6)
    varied = [largest_fraction(crop(whole)) <= 0.6 for _ in range(200)]
    assert 0.38 < sum(varied) / 200 < 0.62  # 1 - (14/15)**10 = 0.50


def test_one_class_alone_is_not_varied_and_is_cropped_all_the_same():
    assert not is_varied(torch.full((1, 20), 3), max_fraction=1.0)
    assert is_varied(shifted_classes(stripe(1)), max_fraction=1.0)
    crop = RandomCrop(size=(1, 20), max_category_share=1.0)
    target = Target(torch.tensor([7]), torch.zeros(1, 100, dtype=torch.int16))
    assert crop(Sample(torch.zeros(3, 1, 100, dtype=torch.uint8), target, "a.png", "a")).size == (1, 20)


def test_void_alone_is_cropped_all_the_same():
    crop = RandomCrop(size=(1, 20), max_category_share=0.75)
    target = Target(torch.zeros(0, dtype=torch.int64), torch.full((1, 100), NO_SEGMENT, dtype=torch.int16))
    assert crop(Sample(torch.zeros(3, 1, 100, dtype=torch.uint8), target, "a.png", "a")).size == (1, 20)
    assert crop(Sample(torch.zeros(3, 1, 100, dtype=torch.uint8), None, "a.png", "a")).size == (1, 20)


def test_overlapping_masks_are_cropped(overlapping):
    torch.manual_seed(0)
    cut = RandomCrop(size=(4, 5), max_category_share=0.75)(overlapping)
    assert cut.target.masks.shape == (2, 4, 5)
    assert torch.equal((cut.target.masks.sum(0) * 100).to(torch.uint8), cut.image[0])


def shifted_classes(sample):
    return label_map_of(sample.target, -1) + 1
