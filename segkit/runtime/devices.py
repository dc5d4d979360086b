"""The device that a process computes on."""

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env

from segkit.errors import ConfigError, cause_of


def choose_device(device: torch.device | str | None = None) -> torch.device:
    """Returns the device to compute on, after a check that it works.

    Args:
        device: For example `cpu` or `cuda:1`. By default Accelerate decides: its environment variables count, then a
            GPU is taken where there is one. Processes that were launched together get one GPU each.

    Raises:
        ConfigError: The device does not exist or cannot be used.

    Example:
        >>> choose_device("cpu")
        device(type='cpu')
    """
    if device is not None:
        return _usable(device)
    if cpu_only():
        return torch.device("cpu")
    state = PartialState()
    # A lone process may have been given another device before, which Accelerate would remember.
    return state.device if state.num_processes > 1 else _usable(state.default_device)


def cpu_only() -> bool:
    """Returns whether no GPU is present, or Accelerate is configured not to use one (`accelerate launch --cpu`)."""
    return parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()


def _usable(device: torch.device | str) -> torch.device:
    try:
        return torch.empty(0, device=device).device  # the first use of a device raises where it cannot be used
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"device '{device}' cannot be used here ({cause_of(error)}). Use 'cpu', or leave the device out."
        ) from error
