import torch

from segkit.transforms.pad import Pad
from segkit.transforms.resize import Resize
from segkit.types import Sample


def test_the_image_grows_at_the_bottom_and_right(sample):
    padded = Pad(size=(60, 80))(sample)
    assert padded.size == padded.target.size == (60, 80)
    assert torch.equal(padded.image[:, :48, :64], sample.image)
    assert torch.equal(padded.target.segment_map[:48, :64], sample.target.segment_map)
    assert padded.target.segment_map.dtype == torch.int16
    assert padded.image[:, 59, 0].tolist() == padded.image[:, 0, 79].tolist() == [124, 116, 104]
    new = torch.ones(60, 80, dtype=torch.bool)
    new[:48, :64] = False
    assert (padded.target.segment_map[new] == -1).all()
    assert not padded.target.valid[new].any()
    assert torch.equal(padded.target.valid[:48, :64], sample.target.valid)


def test_larger_images_keep_their_size(sample, agree):
    assert Pad(size=(10, 80), fill=(0, 0, 0))(sample).size == (48, 80)
    assert Pad(size=(10, 10))(sample) is sample
    assert agree(Pad(size=(48, 70), fill=(200, 200, 200))(sample)) == 1


def test_overlapping_masks_and_no_target_at_all(overlapping):
    padded = Pad(size=(10, 12))(overlapping)
    assert padded.target.masks.shape == (2, 10, 12)
    assert padded.target.valid.sum() == 8 * 12
    assert Pad(size=(10, 12))(Sample(overlapping.image, None, "a.png", "a")).target is None


def test_in_an_evaluation_the_new_pixels_are_padding():
    image = Sample(torch.zeros(3, 40, 60, dtype=torch.uint8), None, "a.png", "a")
    once = Pad(size=(50, 70))(image)
    assert (once.size, once.content) == ((50, 70), (40, 60))
    assert Pad(size=(80, 70))(once).content == (40, 60)
    assert Resize(size=(100, 35))(once).content == (80, 30)
    assert Pad(size=(10, 10))(image).content is None


def test_in_a_training_they_are_void_pixels_of_the_image(sample):
    assert Pad(size=(60, 80))(sample).content is None
