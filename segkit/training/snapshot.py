"""What a step changes before it updates the weights."""

from collections import defaultdict

import torch
from torch import Tensor, nn

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
        self._before = [_joined(group) for group in self._groups()]
        self.random: RandomState = own_random_state()
        """The states of the random generators."""

    def restore(self) -> None:
        """Sets everything back, as if the step had not been begun."""
        for group, before in zip(self._groups(), self._before, strict=True):
            _write(group, before)
        set_random_state(self.random)

    def restore_if(self, condition: Tensor) -> None:
        """Sets the buffers back where a scalar on their device is true, without waiting for it."""
        for group, before in zip(self._groups(), self._before, strict=True):
            _write(group, torch.where(condition, before, _joined(group)))

    def _groups(self) -> list[list[Tensor]]:
        """Returns the buffers of each type together: copied one by one, those of ResNet-50 are 160 launches a step."""
        groups: dict[tuple[torch.dtype, torch.device], list[Tensor]] = defaultdict(list)
        for buffer in self._model.buffers():
            groups[buffer.dtype, buffer.device].append(buffer)
        return list(groups.values())


def _joined(buffers: list[Tensor]) -> Tensor:
    return torch.cat([buffer.detach().reshape(-1) for buffer in buffers])


@torch.no_grad()
def _write(buffers: list[Tensor], joined: Tensor) -> None:
    parts = torch.split(joined, [buffer.numel() for buffer in buffers])
    torch._foreach_copy_(buffers, [part.view(buffer.shape) for part, buffer in zip(parts, buffers, strict=True)])
