"""Exchanging left and right at random."""

import torch

from segkit.registries import TRANSFORMS
from segkit.registries.signature import Fraction
from segkit.transforms._geometry import flipped
from segkit.types import Sample


@TRANSFORMS.register("random_flip")
class RandomFlip:
    """Exchanges left and right, or does nothing.

    probability: of the exchange, in [0, 1].
    """

    def __init__(self, *, probability: Fraction = 0.5) -> None:
        self.probability = probability

    def __call__(self, sample: Sample) -> Sample:
        return flipped(sample) if torch.rand(()).item() < self.probability else sample
