"""Gradient checkpointing: layers that are computed a second time, in the backward pass."""

from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class _CountOnce:
    """Hooks of a batch norm that leave its running statistics alone while it is computed a second time."""

    def __init__(self, norm: _BatchNorm) -> None:
        self._momentum = norm.momentum
        norm.register_forward_pre_hook(self._before)
        norm.register_forward_hook(self._after, always_call=True)

    def _before(self, norm: _BatchNorm, inputs: Any) -> None:
        if _is_recomputed(norm):
            norm.momentum = 0.0

    def _after(self, norm: _BatchNorm, inputs: Any, output: Any) -> None:
        if _is_recomputed(norm):
            norm.momentum = self._momentum
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked.sub_(1)


def count_batches_once(module: nn.Module) -> None:
    """Keeps the running statistics of the batch norms in `module` as they would be without recomputation.

    A batch norm that is computed again in the backward pass would count its batch a second time.

    Example:
        >>> from torch.utils.checkpoint import checkpoint
        >>> norm = nn.BatchNorm1d(3)
        >>> count_batches_once(norm)
        >>> checkpoint(norm, torch.randn(4, 3), use_reentrant=False).sum().backward()
        >>> int(norm.num_batches_tracked)
        1
    """
    for norm in module.modules():
        if isinstance(norm, _BatchNorm) and norm.track_running_stats:
            _CountOnce(norm)


def _is_recomputed(norm: nn.Module) -> bool:
    """Returns whether a layer is computed during a backward pass. A compiler decides by itself what it recomputes."""
    return norm.training and not torch.compiler.is_compiling() and torch._C._current_graph_task_id() != -1
