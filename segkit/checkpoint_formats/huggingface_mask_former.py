"""Reads and writes MaskFormer of Hugging Face transformers, without that package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from segkit.registries import CHECKPOINT_FORMATS, Imported

if TYPE_CHECKING:
    from pathlib import Path

    from segkit.classes import Classes
    from segkit.config import Config
    from segkit.models._base import SegmentationModel
    from segkit.runtime.checkpoint_source import CheckpointSource


@CHECKPOINT_FORMATS.register("huggingface_mask_former")
class HuggingFaceMaskFormer:
    """MaskFormer of transformers: a folder or hub name of `MaskFormerForInstanceSegmentation`.

    The folder holds `config.json`, `preprocessor_config.json` and weights in safetensors or pickle. Backbones are Swin
    and ResNet of any size.

    Example:
        >>> from segkit.runtime.checkpoint_source import CheckpointSource
        >>> HuggingFaceMaskFormer().recognizes(CheckpointSource("configs"))
        False
    """

    looks_for = "a folder or hub name with a config.json of model_type 'maskformer'"

    def recognizes(self, source: CheckpointSource) -> bool:
        return source.config.get("model_type") == "maskformer"

    def read(self, source: CheckpointSource, *, things: Sequence[str] | None = None) -> Imported:
        from segkit.interop.huggingface import import_huggingface

        return import_huggingface(source.name, things)

    def write(self, model: SegmentationModel, config: Config, classes: Classes, folder: Path) -> list[str]:
        from segkit.interop.huggingface import write_huggingface

        return write_huggingface(model, config, classes, folder)
