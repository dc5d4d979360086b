"""Values that a program needs on the host, but not at once."""

import torch
from torch import Tensor


class HostCopy:
    """The values of a tensor, on their way to the host.

    `Tensor.tolist` waits until a GPU has done all that was launched before, and meanwhile nothing new is launched. This
    copy is one more thing for the GPU to do: asked for later, its values are there and nothing waits.

    Args:
        tensor: Of any device. It must not change until the values are read.

    Example:
        >>> copy = HostCopy(torch.tensor([1.5, 2.5]))
        >>> copy.values()
        [1.5, 2.5]
    """

    def __init__(self, tensor: Tensor) -> None:
        self._copy = tensor
        self._arrived: torch.cuda.Event | None = None
        if tensor.is_cuda:
            # Only pinned memory can be written to while the program goes on.
            self._copy = torch.empty_like(tensor, device="cpu", pin_memory=True).copy_(tensor, non_blocking=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._arrived.record()

    def values(self) -> list[float]:
        """Returns the values, and waits only if they have not arrived."""
        if self._arrived is not None:
            self._arrived.synchronize()
        values: list[float] = self._copy.tolist()
        return values
