"""Complaints about transforms, and about the samples of any part."""

import random
from dataclasses import replace

import pytest
import torch

from segkit.testing import check_transform
from segkit.types import Sample, Target
from tests.helpers.contract_errors import complaint, each_of


class Good:
    """Exchanges left and right by chance."""

    def __call__(self, sample):
        return self.flipped(sample) if torch.rand(()) < 0.5 else sample

    def flipped(self, sample):
        target = sample.target
        if target is not None:
            tensors = {
                name: value.flip(-1)
                for name in ("segment_map", "overlapping_masks", "valid")
                if (value := getattr(target, name)) is not None
            }
            target = replace(target, **tensors)
        return replace(sample, image=sample.image.flip(-1), target=target)


class Flipping(Good):
    def __call__(self, sample):
        return self.flipped(sample)


class Local:
    def __init__(self):
        self.function = lambda sample: sample

    def __call__(self, sample):
        return sample


class Overwriting(Good):
    def __call__(self, sample):
        sample.image.zero_()
        return sample


class OverwritingTruth(Good):
    def __call__(self, sample):
        if sample.target is not None:
            sample.target.labels.zero_()
        return sample


class Renaming(Good):
    def __call__(self, sample):
        sample.file = "other.png"
        return sample


class OwnRandom(Good):
    def __call__(self, sample):
        return replace(sample, image=(sample.image * random.random()).to(torch.uint8))


class Counting(Good):
    """Does something else in a copy."""

    copied = False

    def __getstate__(self):
        return {"copied": True}

    def __call__(self, sample):
        return self.flipped(sample) if self.copied else sample


class Changing(Good):
    """Gives the sample with `image` and what `target` makes of its truth."""

    def __call__(self, sample):
        target = None if sample.target is None else self.target(sample.target)
        return replace(sample, image=self.image(sample.image), target=target)

    def image(self, image):
        return image

    def target(self, target):
        return target


class Bare(Good):
    def __call__(self, sample):
        return sample.image


class Floating(Changing):
    def image(self, image):
        return image.float()


class Grey(Changing):
    def image(self, image):
        return image[0]


class NoName(Good):
    def __call__(self, sample):
        return replace(sample, file=None)


class NoId(Good):
    def __call__(self, sample):
        return replace(sample, image_id=1.5)


class OtherName(Good):
    def __call__(self, sample):
        return replace(sample, file="other.png")


class Inventing(Good):
    def __call__(self, sample):
        empty = Target(torch.zeros(0, dtype=torch.int64), torch.full(sample.size, -1).short())
        return replace(sample, target=sample.target or empty)


class Forgetting(Good):
    def __call__(self, sample):
        return replace(sample, target=None)


class ImageOnly(Changing):
    def image(self, image):
        return image[:, :20].contiguous()


class LongMap(Changing):
    def target(self, target):
        return target if target.segment_map is None else replace(target, segment_map=target.segment_map.long())


class ShortLabels(Changing):
    def target(self, target):
        return replace(target, labels=target.labels.to(torch.int32))


class OtherLabels(Changing):
    def target(self, target):
        return replace(target, labels=target.labels + 1)


class Dropping(Changing):
    """Takes a segment out of the labels, and leaves it in the map."""

    def target(self, target):
        return replace(target, labels=target.labels[:1], areas=None)


class ByteMasks(Changing):
    def target(self, target):
        masks = target.overlapping_masks
        return target if masks is None else replace(target, overlapping_masks=masks.to(torch.uint8))


class ByteValid(Changing):
    def target(self, target):
        return target if target.valid is None else replace(target, valid=target.valid.to(torch.uint8))


class NoCrowd(Changing):
    def target(self, target):
        return target if target.is_crowd is None else replace(target, is_crowd=target.is_crowd[:1])


class WholeAreas(Changing):
    def target(self, target):
        return target if target.areas is None else replace(target, areas=target.areas.long())


class ListOfLabels(Changing):
    def target(self, target):
        return [target]


class Refusing(Changing):
    def target(self, target):
        if len(target) == 0:
            raise ValueError("no segment")
        return target


SEGMENTS = "on two segments"
COMPLAINTS = [
    (Overwriting, f"transform Overwriting changes the image it is given in place, {SEGMENTS}"),
    (OverwritingTruth, f"transform OverwritingTruth changes the target.labels it is given in place, {SEGMENTS}"),
    (Renaming, f"transform Renaming changes the file or image_id it is given in place, {SEGMENTS}"),
    (
        OwnRandom,
        f"transform OwnRandom gives another image for the same seed of torch's generator, {SEGMENTS}, where it is "
        "promised to draw from",
    ),
    (Counting, f"transform Counting gives another image when it is a pickled copy, {SEGMENTS}"),
    (Bare, f"transform Bare gives {SEGMENTS} a Tensor, where a Sample is promised"),
    (
        Floating,
        f"transform Floating gives {SEGMENTS} an image (3, 48, 64) of float32, where (3, H, W) of uint8 is promised",
    ),
    (Grey, f"transform Grey gives {SEGMENTS} an image (48, 64) of uint8, where (3, H, W) of uint8 is promised"),
    (NoName, f"transform NoName gives {SEGMENTS} file = None, where a str is promised"),
    (NoId, f"transform NoId gives {SEGMENTS} image_id = 1.5, where an int or a str is promised"),
    (OtherName, f"transform OtherName gives {SEGMENTS} another file or image_id"),
    (Inventing, "transform Inventing gives on an image without target a target"),
    (Forgetting, f"transform Forgetting gives {SEGMENTS} a target as NoneType, where a Target is promised"),
    (ListOfLabels, f"transform ListOfLabels gives {SEGMENTS} a target as list, where a Target is promised"),
    (
        ImageOnly,
        f"transform ImageOnly gives {SEGMENTS} segment_map (48, 64) of int16, where (20, 64) of int16 or int32 is "
        "promised",
    ),
    (
        LongMap,
        f"transform LongMap gives {SEGMENTS} segment_map (48, 64) of int64, where (48, 64) of int16 or int32 is "
        "promised",
    ),
    (ShortLabels, f"transform ShortLabels gives {SEGMENTS} labels (2,) of int32, where (2,) of int64 is promised"),
    (OtherLabels, f"transform OtherLabels gives {SEGMENTS} the labels [3, 1], where 0..2 are promised"),
    (
        Dropping,
        f"transform Dropping gives {SEGMENTS} a segment_map of values 0..1, where -1..0 are promised for 1 segments",
    ),
    (
        ByteMasks,
        "transform ByteMasks gives on segments that overlap overlapping_masks (2, 53, 37) of uint8, where (2, 53, 37) "
        "of bool is promised",
    ),
    (
        ByteValid,
        f"transform ByteValid gives {SEGMENTS} valid (48, 64) of uint8, where (48, 64) of bool is promised",
    ),
    (
        NoCrowd,
        "transform NoCrowd gives on segments that overlap is_crowd (1,) of bool, where (2,) of bool is promised",
    ),
    (
        WholeAreas,
        f"transform WholeAreas gives {SEGMENTS} areas (2,) of int64, where (2,) of float32 or float64 is promised",
    ),
    (Refusing, "transform Refusing fails on an image without segments: ValueError: no segment"),
]


@each_of(COMPLAINTS)
def test_complaint(part, message):
    assert complaint(check_transform, part()) == message


def test_one_that_cannot_be_pickled():
    message = complaint(check_transform, Local())
    assert message.startswith("transform Local fails when it is pickled, as it is for loading workers: ")


@pytest.mark.parametrize("part", [Good, Flipping])
def test_a_good_one_passes(part):
    check_transform(part())


def test_samples_are_told_apart_by_whether_there_is_a_target():
    from segkit.testing._samples import sample_differs

    sample = Sample(torch.zeros(3, 2, 2, dtype=torch.uint8), None, "a", 1)
    target = Target(torch.zeros(0, dtype=torch.int64), torch.full((2, 2), -1).short())
    assert sample_differs(sample, sample) == ""
    assert sample_differs(sample, replace(sample, target=target)) == "target"
