"""The checkpoint format `huggingface_mask2former`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from segkit.classes import Classes
    from segkit.registries import Imported
    from segkit.runtime.checkpoint_source import CheckpointSource


class HuggingFaceMask2Former:
    """Mask2Former of transformers: `Mask2FormerForUniversalSegmentation`, with a Swin or ResNet.

    Example:
        >>> from segkit.runtime.checkpoint_source import CheckpointSource
        >>> HuggingFaceMask2Former().recognizes(CheckpointSource("configs"))
        False
    """

    looks_for = "a folder or hub name with a config.json of model_type 'mask2former'"

    def recognizes(self, source: CheckpointSource) -> bool:
        return source.config.get("model_type") == "mask2former"

    def read(self, source: CheckpointSource, *, things: Sequence[str] | None = None) -> Imported:
        from segkit_mask2former.reading import read_mask2former

        return read_mask2former(source.name, things)

    def write(self, model: nn.Module, config: Any, classes: Classes, folder: Path) -> list[str]:
        from segkit_mask2former.writing import write_mask2former

        return write_mask2former(model, config, classes, folder)
