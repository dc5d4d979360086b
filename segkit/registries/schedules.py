"""Schedules of the learning rate."""

from __future__ import annotations

from typing import Protocol

from segkit.registries.registry import Registry


class Schedule(Protocol):
    """Scales the learning rate over the steps of a training."""

    def __call__(self, step: int, steps: int, /) -> float:
        """The factor on every group's learning rate at `step` (0 <= step < steps)."""


SCHEDULES: Registry[Schedule] = Registry("schedule", "schedules", Schedule)
"""The registered schedules; `Schedule` is their contract."""
