"""The contract of a transform.

* It returns a Sample: an image (3,H,W) uint8, the same file and image_id, and a target of the image's size with the
  types and shapes of `segkit.types`; a target of None stays None. Images are higher than wide, wider than high, with
  odd sides; segments overlap or not, or there are none.
* It leaves its input unchanged.
* It draws from torch's global generator only: the same seed gives the same sample.
* A pickled copy, which loading workers use, does the same.
"""

import pickle
from copy import deepcopy
from dataclasses import replace

import torch

from segkit.registries import Transform
from segkit.testing._common import named, seeded, trying
from segkit.testing._samples import check_sample, check_target, halves, no_segment, overlapping, sample_differs
from segkit.types import Sample, Size, Target

SEEDS = range(8)
"""Enough for a transform that changes every second image to change some."""


@seeded()
def check_transform(transform: Transform) -> None:
    """Checks a built transform.

    Raises:
        AssertionError: it breaks the contract; the message says how and what to do.

    Example:
        >>> from segkit.transforms.random_flip import RandomFlip
        >>> check_transform(RandomFlip())
    """
    who = named("transform", transform)
    with trying(who, "when it is pickled, as for loading workers"):
        copy = pickle.loads(pickle.dumps(transform))
    for words, sample in _samples().items():
        before = deepcopy(sample)
        for seed in SEEDS:
            changed = _transformed(who, transform, sample, seed, words)
            differs = sample_differs(before, sample)
            assert not differs, f"{who} changes the {differs} of its input in place, {words}. Change a copy."
            differs = sample_differs(changed, _transformed(who, transform, sample, seed, words))
            assert not differs, (
                f"{who} returns another {differs} for the same seed of torch's generator, {words}. Draw from that "
                "generator only."
            )
        # One seed is enough for the copy: it has the same code.
        differs = sample_differs(changed, _transformed(who, copy, sample, seed, words))
        assert not differs, (
            f"{who} returns another {differs} from a pickled copy, {words}. Keep its settings in attributes that are "
            "pickled."
        )


def _samples() -> dict[str, Sample]:
    """Returns samples by what error messages say of them."""
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


def _transformed(who: str, transform: Transform, sample: Sample, seed: int, words: str) -> Sample:
    # The loader seeds torch's generator for each sample in the same way.
    torch.manual_seed(seed)
    with trying(who, words):
        changed = transform(sample)
    check_sample(f"{who} {words} returns", changed)
    same_name = (changed.file, changed.image_id) == (sample.file, sample.image_id)
    assert same_name, f"{who} {words} returns another file or image_id. Keep both."
    if sample.target is None:
        assert changed.target is None, f"{who} {words} returns a target. Keep a target of None."
    else:
        check_target(f"{who} {words} returns", changed.target, changed.size, num_classes=3)
    return changed
