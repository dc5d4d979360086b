"""Which device and which share of the work is this process's."""

from typing import Any

import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import parse_flag_from_env


def accelerator(precision: str) -> Accelerator:
    """Of this process, in the precision of this training: an earlier one of the process may have had another."""
    AcceleratorState._reset_state()
    return Accelerator(mixed_precision={"fp32": "no"}.get(precision, precision), **_where())


def process() -> PartialState:
    """The place of this process among those started together, for what trains nothing."""
    return PartialState(**_where())


def _where() -> dict[str, Any]:
    """Processes of `torchrun` on a CPU find each other only where Accelerate is told that it is one."""
    return {"cpu": parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()}
