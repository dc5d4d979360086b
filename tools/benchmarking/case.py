"""What is compared: a piece of work that both programs can do, and how one sees that both did it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from segkit.errors import SegkitError


class Unequal(SegkitError):
    """The two programs gave different answers to the same work, so their times say nothing."""


@dataclass(frozen=True)
class Setting:
    device: torch.device
    scale: float = 1.0
    """By which the sides of all images are multiplied, for a quick look."""

    def side(self, pixels: int) -> int:
        """`pixels` scaled, a multiple of 32 as all models can take it."""
        return max(1, round(pixels * self.scale / 32)) * 32


@dataclass
class Contest:
    """One piece of work, made ready for both programs."""

    work: str
    """What is done, with its sizes, in a few words."""
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    check: Callable[[], None]
    """Raises Unequal where the outputs differ. May leave neither side changed."""
    images: int = 0
    """Per call, where images per second and operations per second mean something."""
    dtype: torch.dtype = torch.float32
    """Of our matrix products."""
    held: Any = None
    """What must live as long as the contest, such as a temporary folder."""


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[[Setting], Contest]
    goal: float | None = None
    """Largest ratio of our time to theirs that we are content with."""
    memory_goal: float | None = None
    """The same of memory."""
    peer: str = "transformers"
    """The program it is compared with, by the name that `--against` takes."""
