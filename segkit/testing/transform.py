"""A transform.

* It gives a Sample: an image (3,H,W) uint8, the same file and image_id, a target of the image's size whose labels,
  map or masks are those of the glossary in `segkit.types`; a target of None stays None. Images are higher than wide,
  wider than high, of odd sides; segments overlap or do not, or there are none.
* What it is given stays as it was.
* It draws from torch's global generator and from no other: the same seed gives the same sample.
* A pickled copy, as loading workers have it, does the same.
"""

import pickle
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import torch

from segkit.testing._common import named, seeded, trying
from segkit.testing._samples import check_sample, check_target, halves, no_segment, overlapping, sample_differs
from segkit.types import Sample, Size, Target

SEEDS = range(8)
"""So many that a transform which acts on every second image acts on some."""


@seeded()
def check_transform(transform: Callable[[Sample], Sample]) -> None:
    """Raises AssertionError, saying in words what the built part does wrong."""
    who = named("transform", transform)
    with trying(who, "when it is pickled, as it is for loading workers"):
        copy = pickle.loads(pickle.dumps(transform))
    for words, sample in _samples().items():
        before = deepcopy(sample)
        for seed in SEEDS:
            changed = _transformed(who, transform, sample, seed, words)
            differs = sample_differs(before, sample)
            assert not differs, f"{who} changes the {differs} it is given in place, {words}"
            differs = sample_differs(changed, _transformed(who, transform, sample, seed, words))
            assert not differs, (
                f"{who} gives another {differs} for the same seed of torch's generator, {words}, where it is promised "
                "to draw from"
            )
        differs = sample_differs(changed, _transformed(who, copy, sample, seed, words))
        assert not differs, f"{who} gives another {differs} when it is a pickled copy, {words}"


def _samples() -> dict[str, Sample]:
    """By the words that complaints have for them."""
    wide, odd, square = (48, 64), (53, 37), (40, 40)
    valid = torch.rand(wide) > 0.1
    mapped = replace(halves(wide, (2, 0), valid), areas=torch.tensor([1536.0, 1500.0]))
    return {
        "on two segments": _sample(wide, mapped),
        "on segments that overlap": _sample(odd, overlapping(odd, (1, 2))),
        "on an image without segments": _sample(square, no_segment(square)),
        "on an image without target": _sample(odd, None),
    }


def _sample(size: Size, target: Target | None) -> Sample:
    return Sample(torch.randint(0, 256, (3, *size), dtype=torch.uint8), target, "image.png", "image")


def _transformed(who: str, transform: Callable[[Sample], Sample], sample: Sample, seed: int, words: str) -> Sample:
    torch.manual_seed(seed)
    with trying(who, words):
        changed = transform(sample)
    check_sample(f"{who} gives {words}", changed)
    same_name = (changed.file, changed.image_id) == (sample.file, sample.image_id)
    assert same_name, f"{who} gives {words} another file or image_id"
    if sample.target is None:
        assert changed.target is None, f"{who} gives {words} a target"
    else:
        check_target(f"{who} gives {words}", changed.target, changed.size, num_classes=3)
    return changed
