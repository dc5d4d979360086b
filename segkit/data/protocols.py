"""What datasets and transforms are to the loaders."""

from collections.abc import Callable
from typing import Protocol

from segkit.classes import Classes
from segkit.types import Sample

Transform = Callable[[Sample], Sample]


class Dataset(Protocol):
    """Samples by index, and their class list."""

    @property
    def classes(self) -> Classes: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...
