"""The contract of a dataset.

* It publishes `classes`, whose names are all different, and has a length of at least 1; the index `len(dataset)`
  raises IndexError, as in a sequence.
* Its first three items and its last are Samples: an image (3,H,W) uint8, or of the `pixel_format` that it publishes, a
  Target of the image's size with labels among the classes, a segment map int16 or int32 with segments of that target
  only. All image_ids are different.
* An item is the same whenever it is read, whatever torch's generator draws, and from a pickled copy, which loading
  workers use.
"""

import pickle

import torch

from segkit.classes import Classes
from segkit.registries import Dataset
from segkit.testing._common import named, seeded, trying
from segkit.testing._modules import published
from segkit.testing._samples import check_sample, check_target, sample_differs
from segkit.types import Sample, pixel_format_of


@seeded()
def check_dataset(dataset: Dataset) -> None:
    """Checks a built dataset.

    Raises:
        AssertionError: it breaks the contract; the message says how and what to do.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> check_dataset(Shapes(length=4))
    """
    who = named("dataset", dataset)
    classes = published(who, dataset, "classes", Classes, "a Classes")
    assert len(set(classes.names)) == len(classes) > 0, (
        f"{who} publishes the classes {', '.join(classes.names)}. The contract asks for at least one class, and for "
        "different names."
    )
    with trying(who, "when len() is called"):
        length = len(dataset)
    assert length > 0, f"{who} is empty. Give at least one sample, so that it can be checked."
    _check_end(who, dataset, length)
    with trying(who, "when it is pickled, as for loading workers"):
        copy = pickle.loads(pickle.dumps(dataset))
    read: dict[int | str, int] = {}
    for index in sorted({*range(min(3, length)), length - 1}):  # a few, because images are slow to read
        sample = _item(who, dataset, index, classes)
        assert sample.image_id not in read, (
            f"{who} returns items {read[sample.image_id]} and {index} with the same image_id, {sample.image_id!r}. "
            "Give each image its own."
        )
        read[sample.image_id] = index
        torch.rand(1)  # moves torch's generator, on which an item must not depend
        differs = sample_differs(sample, _item(who, dataset, index, classes))
        assert not differs, (
            f"{who} returns another {differs} when item {index} is read again. Leave randomness to transforms."
        )
        differs = sample_differs(sample, _item(who, copy, index, classes))
        assert not differs, (
            f"{who} returns another {differs} when item {index} is read from a pickled copy. Keep what items depend on "
            "in attributes that are pickled."
        )


def _check_end(who: str, dataset: Dataset, length: int) -> None:
    ends = False
    with trying(who, f"at index {length}, its length, with another error than IndexError"):
        try:
            dataset[length]
        except IndexError:
            ends = True
    assert ends, f"{who} returns an item at index {length}, its length. Raise IndexError there."


def _item(who: str, dataset: Dataset, index: int, classes: Classes) -> Sample:
    with trying(who, f"when item {index} is read"):
        sample = dataset[index]
    check_sample(f"{who} returns for item {index}", sample, pixel_format_of(dataset))
    check_target(f"{who} returns for item {index}", sample.target, sample.size, len(classes))
    assert isinstance(sample, Sample)
    return sample
