"""The drawn dataset: the same every time, with exact targets."""

import numpy as np
import pytest
import torch

from segkit.datasets.shapes import NAMES, OUTLINE, STUFF, THINGS
from segkit.errors import ConfigError
from segkit.ops.targets import label_map_of, pixel_counts
from segkit.registries import DATASETS
from segkit.types import NO_SEGMENT


def shapes(**settings):
    return DATASETS.get("shapes")(**({"length": 30} | settings))


@pytest.fixture(scope="module")
def samples():
    dataset = shapes()
    return [dataset[index] for index in range(len(dataset))]


def test_an_image_follows_from_seed_and_index():
    one, again, other = shapes()[7], shapes(length=8)[7], shapes(seed=1)[7]
    assert torch.equal(one.image, again.image)
    assert torch.equal(one.target.segment_map, again.target.segment_map)
    assert one.file == again.file == "shapes_0_00007"
    assert not torch.equal(one.image, other.image)
    assert one.file != other.file


def test_the_global_random_numbers_are_left_alone():
    torch.manual_seed(0)
    np.random.seed(0)
    expected = torch.rand(1), np.random.rand()
    torch.manual_seed(0)
    np.random.seed(0)
    shapes()[3]
    assert (torch.rand(1), np.random.rand()) == expected


def test_images_and_targets_are_well_formed(samples):
    for sample in samples:
        assert sample.image.dtype == torch.uint8
        assert sample.image.shape == (3, 96, 128)
        target = sample.target
        assert target.size == (96, 128)
        assert torch.equal(target.valid, target.segment_map != NO_SEGMENT)
        assert target.segment_map.max() == len(target) - 1
        assert (pixel_counts(target) > 0).all()
        assert label_map_of(target, 255)[target.valid].max() < len(NAMES)


def test_there_are_sky_one_ground_and_one_to_five_things(samples):
    for sample in samples:
        labels = sample.target.labels.tolist()
        stuff = [label for label in labels if label < len(STUFF)]
        assert stuff[0] == 0
        assert len(stuff) == len(set(stuff)) == 2
        assert 1 <= len(labels) - 2 <= 5


def test_every_class_comes_and_things_overlap(samples):
    assert {int(label) for sample in samples for label in sample.target.labels} == set(range(len(NAMES)))
    stars = [mask for s in samples for mask, label in zip(s.target.masks, s.target.labels, strict=True) if label >= 4]
    assert min(int(mask.sum()) for mask in stars) < 100 < max(int(mask.sum()) for mask in stars)


def test_void_is_the_outline_of_things(samples):
    for sample in samples:
        drawn = sample.image[:, ~sample.target.valid].float().mean(1)
        torch.testing.assert_close(drawn, torch.tensor(OUTLINE, dtype=torch.float32), atol=6, rtol=0)
        assert 0 < (~sample.target.valid).float().mean() < 0.15


def test_things_and_stuff():
    classes = shapes().classes
    assert classes.names == NAMES
    assert [name for name, thing in zip(classes.names, classes.things, strict=True) if thing] == list(THINGS)


def test_iteration_ends():
    dataset = shapes(length=2)
    assert len(dataset) == len(list(dataset)) == 2
    with pytest.raises(IndexError):
        dataset[-1]


def test_images_too_small_to_draw_in():
    with pytest.raises(ConfigError) as caught:
        shapes(size=(64, 20))
    assert str(caught.value) == "dataset 'shapes': size: (64, 20) is too small to draw in. Give at least 32 pixels."
