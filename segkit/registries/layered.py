"""Backbones and models that publish the depth of their parameters."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Layered(Protocol):
    """A backbone that publishes its layers, or a model that publishes which of its parameters are the backbone.

    Learning rates of the backbone (the settings `backbone_multiplier` and `layer_decay` of optimizers, the factor
    `backbone` of schedules) concern these parameters, all others are the head. The method is optional. Without it, a
    model's backbone is what lies in its attribute `backbone`, and a backbone is a single layer.
    """

    def parameter_layers(self) -> list[list[str]]:
        """The names of the parameters of each layer, from the image on, each name once.

        A backbone names all of its parameters. A model names those of its backbone alone.
        """
