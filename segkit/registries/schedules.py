"""Schedules of the learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from segkit.registries.registry import Registry


class Schedule(Protocol):
    """Scales the learning rate over the steps of a training."""

    def __call__(self, step: int, steps: int, /) -> float | Mapping[str, float]:
        """The factor on every learning rate at `step` (0 <= step < steps), or `{"backbone": …, "head": …}` at all
        steps: one of the backbone, and one of all other parameters."""


SCHEDULES: Registry[Schedule] = Registry("schedule", "schedules", Schedule)
"""The registered schedules; `Schedule` is their contract."""
