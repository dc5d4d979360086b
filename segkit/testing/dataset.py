"""A data set.

* It publishes `classes`, with names that are all different, and has a length of one at least; the index of that length
  raises IndexError, as a sequence does.
* Its first three items and its last are Samples: an image (3,H,W) uint8, a Target of the image's size with labels
  among the classes, its map int16 or int32 and naming only segments that are there; no two with one image_id.
* An item is the same whenever it is read, whatever torch's generator draws, and from a pickled copy, as loading workers
  have it.
"""

import pickle
from typing import Any

import torch

from segkit.classes import Classes
from segkit.testing._common import named, seeded, trying
from segkit.testing._modules import published
from segkit.testing._samples import check_sample, check_target, sample_differs
from segkit.types import Sample


@seeded()
def check_dataset(dataset: Any) -> None:
    """Raises AssertionError, saying in words what the built part does wrong."""
    who = named("dataset", dataset)
    classes = published(who, dataset, "classes", Classes, "a Classes")
    assert len(set(classes.names)) == len(classes) > 0, (
        f"{who} publishes the classes {', '.join(classes.names)}, where one at least and different names are promised"
    )
    with trying(who, "when its length is asked for"):
        length = len(dataset)
    assert length > 0, f"{who} is empty, so that nothing can be checked"
    _check_end(who, dataset, length)
    with trying(who, "when it is pickled, as it is for loading workers"):
        copy = pickle.loads(pickle.dumps(dataset))
    read: dict[int | str, int] = {}
    for index in sorted({*range(min(3, length)), length - 1}):
        sample = _item(who, dataset, index, classes)
        assert sample.image_id not in read, (
            f"{who} gives the items {read[sample.image_id]} and {index} with one image_id, {sample.image_id!r}"
        )
        read[sample.image_id] = index
        torch.rand(1)
        differs = sample_differs(sample, _item(who, dataset, index, classes))
        assert not differs, f"{who} gives another {differs} when item {index} is read again"
        differs = sample_differs(sample, _item(who, copy, index, classes))
        assert not differs, f"{who} gives another {differs} when item {index} is read from a pickled copy"


def _check_end(who: str, dataset: Any, length: int) -> None:
    ends = False
    with trying(who, f"at index {length}, its length, by another error than IndexError"):
        try:
            dataset[length]
        except IndexError:
            ends = True
    assert ends, f"{who} gives an item at index {length}, its length, where an IndexError is promised"


def _item(who: str, dataset: Any, index: int, classes: Classes) -> Sample:
    with trying(who, f"when item {index} is read"):
        sample = dataset[index]
    check_sample(f"{who} gives as item {index}", sample)
    check_target(f"{who} gives as item {index}", sample.target, sample.size, len(classes))
    assert isinstance(sample, Sample)
    return sample
