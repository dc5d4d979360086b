"""Reads checkpoints of the original MaskFormer, a detectron2 program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from segkit.registries import CHECKPOINT_FORMATS, Imported

if TYPE_CHECKING:
    from segkit.classes import Classes
    from segkit.config import Config
    from segkit.runtime.checkpoint_source import CheckpointSource


@CHECKPOINT_FORMATS.register("original_mask_former")
class OriginalMaskFormer:
    """The original MaskFormer and its per-pixel baselines: `model_final_….pkl`, or the `.pth` of a training.

    The files hold tensors alone, so that the model's config has to be given. An unpickler that can build only tensors
    and plain containers reads them.

    Example:
        >>> from segkit.runtime.checkpoint_source import CheckpointSource
        >>> OriginalMaskFormer().recognizes(CheckpointSource("configs/quickstart.yaml"))
        False
    """

    looks_for = (
        "a .pkl or .pth file of tensors named 'sem_seg_head.predictor.transformer.decoder.*' or '….predictor.weight'"
    )

    def recognizes(self, source: CheckpointSource) -> bool:
        decoder = "sem_seg_head.predictor.transformer.decoder."
        return "sem_seg_head.predictor.weight" in source.tensor_names or any(
            name.startswith(decoder) for name in source.tensor_names
        )

    def read(
        self,
        source: CheckpointSource,
        *,
        config: Config | None = None,
        classes: Classes | None = None,
        things: Sequence[str] | None = None,
    ) -> Imported:
        from segkit.interop.loading import require_config
        from segkit.interop.original import import_original

        return import_original(
            source.path, require_config(config, source, "configs/mask_former/ade20k_r50.yaml"), classes, things
        )
