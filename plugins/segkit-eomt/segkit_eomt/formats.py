"""The checkpoint format `huggingface_eomt`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from segkit.classes import Classes
    from segkit.registries import Imported
    from segkit.runtime.checkpoint_source import CheckpointSource

MODEL_TYPES = ("eomt", "eomt_dinov3")


class HuggingFaceEoMT:
    """EoMT of transformers: `EomtForUniversalSegmentation` and `EomtDinov3ForUniversalSegmentation`.

    Example:
        >>> from segkit.runtime.checkpoint_source import CheckpointSource
        >>> HuggingFaceEoMT().recognizes(CheckpointSource("configs"))
        False
    """

    looks_for = "a folder or hub name with a config.json of model_type 'eomt' or 'eomt_dinov3'"

    def recognizes(self, source: CheckpointSource) -> bool:
        return source.config.get("model_type") in MODEL_TYPES

    def read(self, source: CheckpointSource, *, things: Sequence[str] | None = None) -> Imported:
        from segkit_eomt.reading import read_eomt

        return read_eomt(source.name, things)

    def write(self, model: nn.Module, config: Any, classes: Classes, folder: Path) -> list[str]:
        from segkit_eomt.writing import write_eomt

        return write_eomt(model, config, classes, folder)
