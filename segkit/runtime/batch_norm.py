"""`training.sync_batch_norm`: batch norms that compute their statistics over all processes."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from segkit.errors import ConfigError
from segkit.layers.recomputation import count_batches_once


def synchronize_batch_norms(model: nn.Module, num_processes: int, device: torch.device) -> list[str]:
    """Lets batch norms compute over the images of all processes. Parameters and the names of all tensors stay.

    One process computes over all images anyway, so the model stays as it is.

    Args:
        model: The model, changed in place.
        num_processes: Processes of the training.
        device: That of this process.

    Returns:
        A line about it where nothing is synchronized.

    Raises:
        ConfigError: The model has no batch norms, or several processes are on CPUs, where torch cannot do it.

    Example:
        >>> synchronize_batch_norms(nn.Sequential(nn.BatchNorm2d(3)), 1, torch.device("cpu"))
        ['training.sync_batch_norm: has no effect on a single process, whose batch norms see all images of a batch']
    """
    if not any(isinstance(module, _BatchNorm) and module.training for module in model.modules()):
        raise ConfigError(
            "training.sync_batch_norm: the model has no batch norms that learn, so it has no effect. Remove it."
        )
    if num_processes == 1:
        return [
            "training.sync_batch_norm: has no effect on a single process, whose batch norms see all images of a batch"
        ]
    if device.type == "cpu":
        raise ConfigError(
            "training.sync_batch_norm: torch synchronizes batch norms on GPUs only, not over processes on CPUs. Set it "
            "to false."
        )
    from timm import layers  # torch's own conversion would lose the activation that timm joins to a norm

    for name, child in model.named_children():
        setattr(model, name, layers.convert_sync_batchnorm(child))  # type: ignore[attr-defined, no-untyped-call]
    count_batches_once(model)  # as those did that were replaced
    return []
