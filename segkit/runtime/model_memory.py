"""The memory that a model takes for a batch, known before the batch is computed.

A CPU hands out more memory than there is, and the system then kills the process without a word. So a batch of many
pixels is refused beforehand. A GPU refuses by itself.
"""

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from segkit.runtime.memory_limit import require_memory
from segkit.types import ImageSizes

MANY_PIXELS = 1 << 24
"""Pixels of a batch from which on its memory is estimated."""

RESULT_BYTES = 12
"""Bytes that a result takes for each of its pixels, while it is computed."""

MARGIN = 1.2
"""Memory of a model in relation to that of its tensors: operations use more inside, and gaps stay between tensors."""

_SIDE = 512
"""Side of the image that the memory of a model is measured with."""

_known: "weakref.WeakKeyDictionary[nn.Module, dict[bool, float]]" = weakref.WeakKeyDictionary()


class LiveTensors(TorchDispatchMode):
    """A context that counts the bytes of all tensors that are made inside it, for as long as they exist.

    Example:
        >>> with LiveTensors() as live:
        ...     total = (torch.ones(1000) + 1).sum()
        >>> live.peak
        8000
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        """The most bytes at a time."""
        self._sizes: dict[int, int] = {}
        self._now = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata  # views share it
        if key not in self._sizes:
            self._sizes[key] = storage.nbytes()
            self._now += storage.nbytes()
            self.peak = max(self.peak, self._now)
            weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self._now -= self._sizes.pop(key)


def require_memory_of_model(model: object, images: Tensor, sizes: Sequence[ImageSizes]) -> None:
    """Checks that there is enough memory for a batch of many pixels, on a CPU.

    The model is measured once, on an image of 512 x 512 pixels. What grows faster than the pixels, such as attention,
    takes more, as does a backward pass. A model that limits its memory by itself has `limits_memory`.

    Args:
        model: Any model of segkit.
        images: (B,C,H,W).
        sizes: Of the images.

    Raises:
        MemoryError: There is not.
    """
    pixels = images.shape[0] * images.shape[-2] * images.shape[-1]
    outputs = sum(size.output[0] * size.output[1] for size in sizes)
    if images.device.type != "cpu" or max(pixels, outputs) < MANY_PIXELS:
        return
    per_pixel = 0.0
    if isinstance(model, nn.Module) and not getattr(model, "limits_memory", False):
        per_pixel = bytes_per_pixel(model, images)
    require_memory(MARGIN * per_pixel * pixels + RESULT_BYTES * outputs)


def bytes_per_pixel(model: nn.Module, images: Tensor) -> float:
    """Returns the bytes that the tensors of a model take for each pixel; 0 where that is not known.

    They are measured once for each model, with and without a backward pass to come.

    Args:
        model: Any model of segkit.
        images: (B,C,H,W), for their channels, type and device.

    Example:
        >>> import segkit
        >>> model = segkit.build_model("segkit://quickstart.yaml").eval()
        >>> bytes_per_pixel(model, torch.zeros(1, 3, 64, 64, dtype=torch.uint8)) > 100
        True
    """
    known = _known.setdefault(model, {})
    if torch.is_grad_enabled() not in known:
        known[torch.is_grad_enabled()] = _measured(model, images)
    return known[torch.is_grad_enabled()]


def _measured(model: nn.Module, images: Tensor) -> float:
    divisor = int(getattr(model, "size_divisor", 1))
    side = -(-_SIDE // divisor) * divisor
    live = LiveTensors()
    sample = images.new_zeros(1, images.shape[1], side, side)
    modes = {module: module.training for module in model.modules()}
    model.eval()  # a measurement changes no running statistics and draws no random numbers
    try:
        with torch.compiler.set_stance("force_eager"):
            model(sample, [(side, side)])  # what a model keeps from its first call on does not count
            with live:
                model(sample, [(side, side)])
    except Exception:
        return 0.0  # a model may take other sizes only
    finally:
        for module, training in modes.items():
            module.training = training
    return live.peak / (side * side)
