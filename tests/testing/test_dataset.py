"""Error messages about datasets; those about their samples are tested in test_transform.py."""

from dataclasses import replace

import torch

from segkit.classes import Classes
from segkit.testing import check_dataset
from segkit.types import Sample, Target
from tests.helpers.contract_errors import each_of, error_message


class Good:
    """Five images of two classes."""

    def __init__(self):
        self.classes = Classes.make(["sky", "sea"])

    def __len__(self):
        return 5

    def __getitem__(self, index):
        if index >= 5:
            raise IndexError(index)
        image = torch.full((3, 4, 6), index, dtype=torch.uint8)
        segment_map = (torch.arange(6) >= 3).to(torch.int16).expand(4, 6)
        return Sample(image, Target(torch.tensor([1, 0]), segment_map), f"{index}.png", index)


class Classless(Good):
    def __init__(self):
        self.classes = ["sky", "sea"]


class Twins(Good):
    def __init__(self):
        self.classes = Classes.make(["sky", "sky"])


class Lengthless(Good):
    def __len__(self):
        raise OSError("no list")


class Empty(Good):
    def __len__(self):
        return 0


class Endless(Good):
    def __getitem__(self, index):
        return super().__getitem__(index % 5)


class KeyErrors(Good):
    def __getitem__(self, index):
        if index >= 5:
            raise KeyError(index)
        return super().__getitem__(index)


class Local(Good):
    def __init__(self):
        super().__init__()
        self.function = lambda index: index


class SameId(Good):
    def __getitem__(self, index):
        return replace(super().__getitem__(index), image_id="a")


class Drawing(Good):
    def __getitem__(self, index):
        sample = super().__getitem__(index)
        return replace(sample, image=torch.randint(0, 256, sample.image.shape, dtype=torch.uint8))


class Counting(Good):
    calls = 0

    def __getitem__(self, index):
        self.calls += 1
        return replace(super().__getitem__(index), file=str(self.calls))


class Copied(Good):
    copied = False

    def __getstate__(self):
        return {**vars(self), "copied": True}

    def __getitem__(self, index):
        sample = super().__getitem__(index)
        target = replace(sample.target, valid=torch.ones(4, 6, dtype=torch.bool)) if self.copied else sample.target
        return replace(sample, target=target)


class Broken(Good):
    def __getitem__(self, index):
        if index == 4:
            raise ValueError("a broken file")
        return super().__getitem__(index)


class Plain(Good):
    def __getitem__(self, index):
        sample = super().__getitem__(index)
        return sample.image, sample.target


class Targetless(Good):
    def __getitem__(self, index):
        return replace(super().__getitem__(index), target=None)


class Beyond(Good):
    def __getitem__(self, index):
        sample = super().__getitem__(index)
        return replace(sample, target=replace(sample.target, labels=torch.tensor([0, 2])))


MESSAGES = [
    (Classless, "dataset Classless publishes classes = ['sky', 'sea']. The contract asks for a Classes."),
    (
        Twins,
        "dataset Twins publishes the classes sky, sky. The contract asks for at least one class, and for different "
        "names.",
    ),
    (Lengthless, "dataset Lengthless fails when len() is called: OSError: no list"),
    (Empty, "dataset Empty is empty. Give at least one sample, so that it can be checked."),
    (Endless, "dataset Endless returns an item at index 5, its length. Raise IndexError there."),
    (KeyErrors, "dataset KeyErrors fails at index 5, its length, with another error than IndexError: KeyError: 5"),
    (SameId, "dataset SameId returns items 0 and 1 with the same image_id, 'a'. Give each image its own."),
    (
        Drawing,
        "dataset Drawing returns another image when item 0 is read again. Leave randomness to transforms.",
    ),
    (
        Counting,
        "dataset Counting returns another file or image_id when item 0 is read again. Leave randomness to transforms.",
    ),
    (
        Copied,
        "dataset Copied returns another target.valid when item 0 is read from a pickled copy. Keep what items "
        "depend on in attributes that are pickled.",
    ),
    (Broken, "dataset Broken fails when item 4 is read: ValueError: a broken file"),
    (Plain, "dataset Plain returns for item 0 a tuple. Return a segkit.types.Sample."),
    (Targetless, "dataset Targetless returns for item 0 a target of type NoneType. Give a segkit.types.Target."),
    (Beyond, "dataset Beyond returns for item 0 the labels [0, 2]. The contract asks for 0..1."),
]


@each_of(MESSAGES)
def test_error_message(part, message):
    assert error_message(check_dataset, part()) == message


def test_one_that_cannot_be_pickled():
    message = error_message(check_dataset, Local())
    assert message.startswith("dataset Local fails when it is pickled, as for loading workers: ")


def test_a_good_one_passes():
    check_dataset(Good())
