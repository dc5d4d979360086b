"""What is compared: work that both programs can do, with a check that their outputs are equal."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from segkit.errors import SegkitError


class UnequalOutputs(SegkitError):
    """The outputs of the two programs differ, so their times cannot be compared."""


@dataclass(frozen=True)
class Options:
    """Where and at which size everything is measured."""

    device: torch.device
    scale: float = 1.0
    """Factor on the sides of all images, for quick tests."""

    def side(self, pixels: int) -> int:
        """Returns `pixels` scaled, as a multiple of 32, which every model accepts."""
        return max(1, round(pixels * self.scale / 32)) * 32


@dataclass
class Workload:
    """Work that is prepared for both programs."""

    work: str
    """What is done and at which sizes; the first column of the table."""
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    check: Callable[[], None]
    """Raises UnequalOutputs if the outputs differ. Must leave both sides unchanged."""
    images: int = 0
    """Images per call; 0 if a rate has no meaning."""
    dtype: torch.dtype = torch.float32
    """Number format of segkit's matrix products."""
    held: Any = None
    """An object that must live as long as the workload, such as a temporary folder."""


@dataclass(frozen=True)
class Case:
    """A workload that can be chosen by name, with its goals."""

    name: str
    make: Callable[[Options], Workload]
    goal: float | None = None
    """Largest ratio of segkit's time to the peer's that meets the goal."""
    memory_goal: float | None = None
    """The same for memory."""
    peer: str = "transformers"
    """The program it is compared with: a value of `--against`."""
