"""Data sets: images with their targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from segkit.registries.registry import Registry

if TYPE_CHECKING:
    from segkit.classes import Classes
    from segkit.types import Sample


class Dataset(Protocol):
    """A sequence of samples, untransformed, each with its target."""

    @property
    def classes(self) -> Classes:
        """The classes that the labels of all targets refer to."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample:
        """Sample `index`, from 0. Raises DataError, with the file's name, for a file that cannot be read."""


DATASETS: Registry[Dataset] = Registry("dataset", "datasets", Dataset)
"""The registered data sets; `Dataset` is their contract."""
