"""The checkpoint format `original_mask2former`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segkit.classes import Classes
    from segkit.registries import Imported
    from segkit.runtime.checkpoint_source import CheckpointSource

CROSS_ATTENTION = "sem_seg_head.predictor.transformer_cross_attention_layers."


class OriginalMask2Former:
    """The original Mask2Former, a detectron2 program: `model_final_….pkl`, or the `.pth` of a training.

    The files hold tensors alone, so that the model's config has to be given. An unpickler that can build only tensors
    and plain containers reads them.

    Example:
        >>> from segkit.runtime.checkpoint_source import CheckpointSource
        >>> OriginalMask2Former().recognizes(CheckpointSource("configs"))
        False
    """

    looks_for = f"a .pkl or .pth file of tensors named '{CROSS_ATTENTION}*'"

    def recognizes(self, source: CheckpointSource) -> bool:
        return any(name.startswith(CROSS_ATTENTION) for name in source.tensor_names)

    def read(
        self,
        source: CheckpointSource,
        *,
        config: Any = None,
        classes: Classes | None = None,
        things: Sequence[str] | None = None,
    ) -> Imported:
        from segkit.interop.loading import require_config
        from segkit_mask2former.original import read_original

        return read_original(
            source.path, require_config(config, source, "configs/coco_panoptic_r50.yaml"), classes, things
        )
