"""What a step changes before it updates the weights."""

import torch
from torch import nn

from segkit.training.state import RandomState, own_random_state, set_random_state


class Snapshot:
    """The running statistics and random states of this process. A failed step sets them back.

    Args:
        model: The model, whose buffers are copied.

    Example:
        >>> norm = nn.BatchNorm1d(1)
        >>> snapshot = Snapshot(norm)
        >>> _ = norm(torch.tensor([[1.0], [float("nan")]]))
        >>> snapshot.restore()
        >>> norm.running_mean
        tensor([0.])
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._buffers = [buffer.clone() for buffer in model.buffers()]
        self.random: RandomState = own_random_state()
        """The states of the random generators."""

    @torch.no_grad()
    def restore(self) -> None:
        """Sets everything back, as if the step had not been begun."""
        for buffer, before in zip(self._model.buffers(), self._buffers, strict=True):
            buffer.copy_(before)
        set_random_state(self.random)
