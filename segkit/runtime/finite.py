"""Finds values that are not finite: nan and infinity."""

from collections.abc import Mapping

import torch
from torch import Tensor


def first_nonfinite(tensors: Mapping[str, Tensor]) -> str | None:
    """Returns the name of the first tensor that holds nan or infinity; None if there is none.

    A GPU is read once.

    Example:
        >>> first_nonfinite({"a": torch.zeros(2), "b": torch.tensor([1.0, float("nan")])})
        'b'
    """
    names = [name for name, tensor in tensors.items() if tensor.is_floating_point() and tensor.numel()]
    if not names:
        return None
    finite = torch.stack([tensors[name].isfinite().all() for name in names])
    return next((name for name, good in zip(names, finite.tolist(), strict=True) if not good), None)
