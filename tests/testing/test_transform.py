"""Error messages about transforms, and about the samples of any part."""

import random
from dataclasses import replace

import pytest
import torch

from segkit.testing import check_transform
from segkit.types import Sample, Target
from tests.helpers.contract_errors import each_of, error_message


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


class OverwritingTarget(Good):
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
    """Gives the sample with `image` and what `target` makes of its target."""

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


class Gray(Changing):
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
MESSAGES = [
    (Overwriting, f"transform Overwriting changes the image of its input in place, {SEGMENTS}. Change a copy."),
    (
        OverwritingTarget,
        f"transform OverwritingTarget changes the target.labels of its input in place, {SEGMENTS}. Change a copy.",
    ),
    (Renaming, f"transform Renaming changes the file or image_id of its input in place, {SEGMENTS}. Change a copy."),
    (
        OwnRandom,
        f"transform OwnRandom returns another image for the same seed of torch's generator, {SEGMENTS}. Draw from "
        "that generator only.",
    ),
    (
        Counting,
        f"transform Counting returns another image from a pickled copy, {SEGMENTS}. Keep its settings in attributes "
        "that are pickled.",
    ),
    (Bare, f"transform Bare {SEGMENTS} returns a Tensor. Return a segkit.types.Sample."),
    (
        Floating,
        f"transform Floating {SEGMENTS} returns an image (3, 48, 64) of float32. The contract asks for (3, H, W) "
        "of uint8.",
    ),
    (
        Gray,
        f"transform Gray {SEGMENTS} returns an image (48, 64) of uint8. The contract asks for (3, H, W) of uint8.",
    ),
    (NoName, f"transform NoName {SEGMENTS} returns file = None. The contract asks for a str."),
    (NoId, f"transform NoId {SEGMENTS} returns image_id = 1.5. The contract asks for an int or a str."),
    (OtherName, f"transform OtherName {SEGMENTS} returns another file or image_id. Keep both."),
    (Inventing, "transform Inventing on an image without target returns a target. Keep a target of None."),
    (Forgetting, f"transform Forgetting {SEGMENTS} returns a target of type NoneType. Give a segkit.types.Target."),
    (ListOfLabels, f"transform ListOfLabels {SEGMENTS} returns a target of type list. Give a segkit.types.Target."),
    (
        ImageOnly,
        f"transform ImageOnly {SEGMENTS} returns segment_map (48, 64) of int16. The contract asks for (20, 64) of "
        "int16 or int32.",
    ),
    (
        LongMap,
        f"transform LongMap {SEGMENTS} returns segment_map (48, 64) of int64. The contract asks for (48, 64) of "
        "int16 or int32.",
    ),
    (
        ShortLabels,
        f"transform ShortLabels {SEGMENTS} returns labels (2,) of int32. The contract asks for (2,) of int64.",
    ),
    (OtherLabels, f"transform OtherLabels {SEGMENTS} returns the labels [3, 1]. The contract asks for 0..2."),
    (
        Dropping,
        f"transform Dropping {SEGMENTS} returns a segment_map of values 0..1. The contract asks for -1..0, for 1 "
        "segments.",
    ),
    (
        ByteMasks,
        "transform ByteMasks on segments that overlap returns overlapping_masks (2, 53, 37) of uint8. The contract "
        "asks for (2, 53, 37) of bool.",
    ),
    (
        ByteValid,
        f"transform ByteValid {SEGMENTS} returns valid (48, 64) of uint8. The contract asks for (48, 64) of bool.",
    ),
    (
        NoCrowd,
        "transform NoCrowd on segments that overlap returns is_crowd (1,) of bool. The contract asks for (2,) of bool.",
    ),
    (
        WholeAreas,
        f"transform WholeAreas {SEGMENTS} returns areas (2,) of int64. The contract asks for (2,) of float32 or "
        "float64.",
    ),
    (Refusing, "transform Refusing fails on an image without segments: ValueError: no segment"),
]


@each_of(MESSAGES)
def test_error_message(part, message):
    assert error_message(check_transform, part()) == message


def test_one_that_cannot_be_pickled():
    message = error_message(check_transform, Local())
    assert message.startswith("transform Local fails when it is pickled, as for loading workers: ")


@pytest.mark.parametrize("part", [Good, Flipping])
def test_a_good_one_passes(part):
    check_transform(part())


def test_samples_are_told_apart_by_whether_there_is_a_target():
    from segkit.testing._samples import sample_differs

    sample = Sample(torch.zeros(3, 2, 2, dtype=torch.uint8), None, "a", 1)
    target = Target(torch.zeros(0, dtype=torch.int64), torch.full((2, 2), -1).short())
    assert sample_differs(sample, sample) == ""
    assert sample_differs(sample, replace(sample, target=target)) == "target"
