"""Batches copied to a GPU beside what it computes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from segkit.types import Target


class CopyStream:
    """Copies batches to a device; to a GPU on a stream of its own.

    A GPU does what is launched on a stream in order. A program launches a training step faster than the GPU computes
    it. So a copy on the stream of the computations would wait for the backward pass of the batch before. On a stream of
    its own, it is done meanwhile.

    Args:
        device: Where the batches go.

    Example:
        >>> copies = CopyStream(torch.device("cpu"))
        >>> images, targets = copies.copy(torch.zeros(2, 3, 32, 32), [])
        >>> images.shape, targets
        (torch.Size([2, 3, 32, 32]), [])
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def copy(self, images: Tensor, targets: Sequence[Target]) -> tuple[Tensor, list[Target]]:
        """Returns images (B,C,H,W) and targets on the device.

        The program does not wait for the copies if the memory of the originals is pinned, as that of segkit's loaders
        is. What is launched afterwards waits for them, on the GPU.
        """
        if self._stream is None:
            return self._copy(images, targets)
        with torch.cuda.stream(self._stream):
            copied_images, copied_targets = self._copy(images, targets)
        computations = torch.cuda.current_stream(self._device)
        computations.wait_stream(self._stream)
        for tensor in [copied_images, *(tensor for target in copied_targets for tensor in target.tensors.values())]:
            # Once the program has dropped the tensor, the stream of the copies may use its memory for the next one. It
            # must not before the computations are done with it.
            tensor.record_stream(computations)
        return copied_images, copied_targets

    def _copy(self, images: Tensor, targets: Sequence[Target]) -> tuple[Tensor, list[Target]]:
        return images.to(self._device, non_blocking=True), [target.to(self._device) for target in targets]
