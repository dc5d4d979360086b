"""The number format in which a model computes."""

from typing import Literal

import torch

Precision = Literal["fp32", "bf16", "fp16"]


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Makes a context in which operations that tolerate it run in `precision`; fp32 changes nothing.

    Example:
        >>> linear = torch.nn.Linear(2, 2)
        >>> with autocast(torch.device("cpu"), "bf16"):
        ...     linear(torch.ones(1, 2)).dtype
        torch.bfloat16
    """
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype=dtype, enabled=precision != "fp32")
