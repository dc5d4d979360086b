"""The checkpoint format `original_eomt`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segkit.classes import Classes
    from segkit.registries import Imported
    from segkit.runtime.checkpoint_source import CheckpointSource

NAMES = {"network.q.weight", "network.class_head.weight"}


class OriginalEoMT:
    """The original EoMT: `pytorch_model.bin` of its zoo, or the `.ckpt` of a training.

    The files hold tensors alone, so that the model's config has to be given. An unpickler that can build only tensors
    and plain containers reads them. The zoo's models on DINOv3 are differences to the published weights of the body:
    with `pretrained` or `weights` in the config, they are added to these.

    Example:
        >>> from segkit.runtime.checkpoint_source import CheckpointSource
        >>> OriginalEoMT().recognizes(CheckpointSource("configs"))
        False
    """

    looks_for = "a .bin or .ckpt file of tensors, 'network.q.weight' and 'network.class_head.weight' among them"

    def recognizes(self, source: CheckpointSource) -> bool:
        return source.tensor_names >= NAMES

    def read(
        self,
        source: CheckpointSource,
        *,
        config: Any = None,
        classes: Classes | None = None,
        things: Sequence[str] | None = None,
    ) -> Imported:
        from segkit.interop.loading import require_config
        from segkit_eomt.original import read_original

        return read_original(
            source.path, require_config(config, source, "configs/coco_panoptic_large.yaml"), classes, things
        )
