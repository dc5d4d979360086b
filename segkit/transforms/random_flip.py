"""The transform `random_flip`."""

import torch

from segkit.registries import TRANSFORMS
from segkit.registries.signature import Fraction
from segkit.transforms._geometry import flip_sample
from segkit.types import Sample


@TRANSFORMS.register("random_flip")
class RandomFlip:
    """Flips the image horizontally at random.

    Args:
        probability: Probability of the flip, in [0, 1].

    Example:
        >>> import torch
        >>> from segkit.types import Sample
        >>> sample = Sample(torch.tensor([[[1, 2]]] * 3, dtype=torch.uint8), None, "a.png", 0)
        >>> RandomFlip(probability=1)(sample).image[0].tolist()
        [[2, 1]]
    """

    def __init__(self, *, probability: Fraction = 0.5) -> None:
        self.probability = probability

    def __call__(self, sample: Sample) -> Sample:
        return flip_sample(sample) if torch.rand(()).item() < self.probability else sample
