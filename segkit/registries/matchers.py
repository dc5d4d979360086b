"""Matchers: which query is trained on which segment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from segkit.registries.registry import Registry
from segkit.registries.stepped import Stepped

if TYPE_CHECKING:
    from segkit.types import Match, Prediction, Target


class Matcher(Protocol):
    """Assigns queries to the segments of the targets."""

    def __call__(self, layers: list[Prediction], targets: list[Target], /) -> list[list[Match]]:
        """The predictions of all decoder layers and B targets -> per layer and image (query_index, target_index).

        The indices are on the CPU. Pixels that are not valid do not count. At most one transfer from the device per
        call.
        """


MATCHERS: Registry[Matcher] = Registry("matcher", "matchers", Matcher, optional=(Stepped,))
"""The registered matchers; `Matcher` is their contract."""
