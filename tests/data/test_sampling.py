"""Which images are looked at, and that looking changes nothing."""

from dataclasses import replace

import numpy as np
import torch

from segkit.data.limit import Limit
from segkit.data.sampling import MOST_IMAGES, order_of, sample_dataset
from segkit.datasets.shapes import Shapes
from segkit.errors import DataError
from segkit.registries import AnnotationCounts
from tests.helpers.counted import Counted, Drawing, Listed, instances, mapped
from tests.helpers.tiny import empty_target

BOTH = mapped([0, 0, 1, 1])
COUNTS = AnnotationCounts(segments=[0, 7], crowds=2, most_segments=3)


def test_a_small_dataset_is_read_whole():
    dataset = Listed([BOTH] * 5)
    sample = sample_dataset(dataset)
    assert sorted(dataset.read) == [0, 1, 2, 3, 4]
    assert sample.complete
    assert sample.images_in_words == "all 5 images"


def test_of_a_large_one_always_the_same_part_spread_over_all():
    first, second = Listed([BOTH] * 1000), Listed([BOTH] * 1000)
    sample = sample_dataset(first)
    sample_dataset(second)
    assert first.read == second.read
    assert len(set(first.read)) == MOST_IMAGES
    assert min(first.read) < 100
    assert max(first.read) > 900
    assert not sample.complete


def test_fewer_large_images():
    large = mapped([0, 1]).segment_map.repeat_interleave(5000, 0).repeat_interleave(2500, 1)  # 25 megapixels
    target = BOTH.__class__(torch.tensor([0, 1]), large)
    dataset = Listed([target] * 10)
    assert sample_dataset(dataset).tally.images == 2


def test_more_images_where_the_first_ones_show_nothing():
    dataset = Listed([empty_target((1, 4))] * 1000)
    assert sample_dataset(dataset).tally.images == 8 * MOST_IMAGES
    assert sample_dataset(Counted([empty_target((1, 4))] * 1000, COUNTS)).tally.images == MOST_IMAGES


def test_an_empty_dataset():
    assert sample_dataset(Listed([])).tally.images == 0


def test_no_random_number_of_the_training_is_drawn():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    sample_dataset(Drawing([BOTH] * 3))
    assert torch.equal(torch.get_rng_state(), before)


def test_published_counts_are_taken_through_a_limit_too():
    class Asked(Counted):
        def annotation_counts(self, images):
            self.asked = images
            return self.counts

    dataset = Asked([instances(1)] * 5, COUNTS)
    assert sample_dataset(Limit(dataset, 2)).counts is COUNTS
    assert dataset.asked == 2
    assert sample_dataset(Shapes(length=1)).counts is None


def test_stored_ids_of_the_images_looked_at_are_explained():
    class Explained(Listed):
        def stored_ids(self, index):
            return np.bincount([255 if self.targets[index] is odd else 0], minlength=65536)

        def explain(self, pixels):
            return f"{pixels[255]} of {pixels.sum()} pixels have the id 255." if pixels[255] else ""

    odd = mapped([0, -1])
    assert sample_dataset(Explained([odd, BOTH])).stored_ids == "1 of 2 pixels have the id 255."
    assert sample_dataset(Limit(Explained([odd, BOTH]), 1)).stored_ids == "1 of 1 pixels have the id 255."
    assert sample_dataset(Explained([BOTH])).stored_ids == ""


def test_a_wrong_label_is_located():
    (bad,) = sample_dataset(Listed([BOTH, mapped([7, 7])])).bad
    assert bad.index == 1
    assert bad.error.startswith("1.png: the target has the labels [7], but the class ind")


def test_bad_images_are_noted_and_count_among_those_looked_at():
    class Broken(Listed):
        def __getitem__(self, index):
            super().__getitem__(index)
            raise DataError(f"{index}.png: broken.")

    dataset = Broken([BOTH] * 1000)
    sample = sample_dataset(dataset)
    assert [one.index for one in sample.bad] == dataset.read == order_of(dataset)[: 8 * MOST_IMAGES]
    assert sample.indices == ()
    assert sample_dataset(Listed([BOTH] * 1000)).indices == tuple(order_of(dataset)[:MOST_IMAGES])


def test_images_that_were_read_as_well_are_told():
    sample = replace(sample_dataset(Listed([BOTH] * 70)), also_read=3)
    assert sample.in_words().endswith("0 % void; 67 of 70 can be read")
    assert sample.to_dict()["read"] == 67


def test_what_is_written():
    written = sample_dataset(Counted([instances(1, crowds=[1])], COUNTS)).to_dict()
    assert written["images"] == 1
    assert written["sample"]["crowds"] == 1
    assert written["annotations"] == {
        "segments": 7, "most_segments": 3, "crowds": 2, "classes": {"background": 0, "object": 7}
    }  # fmt: skip


def test_one_line():
    sample = sample_dataset(Counted([instances(1, 1, crowds=[1]), mapped([-1, -1])], COUNTS))
    assert sample.in_words() == (
        "2 of 2 images: 1 of 2 classes, 1.0 segments per image (at most 2), 1 crowd, 50 % void"
    )
