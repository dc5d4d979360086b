"""The processes that were launched together, and the place of this one among them."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list

from segkit.errors import ConfigError, SegkitError, counted
from segkit.runtime.devices import choose_device, cpu_only
from segkit.runtime.launching import refuse_other_engines, refuse_other_settings

if torch.distributed.is_available():
    # Its functions keep, as a default value, the connection that is there when they are imported. As
    # DistributedDataParallel imports them after processes have joined, `leave_processes` could not end the connection.
    import torch.distributed.nn.functional

T = TypeVar("T")
"""What processes exchange; it can be pickled."""


@dataclass(frozen=True)
class Process:
    """The place of this process among those launched together, by `torchrun` or `accelerate launch`."""

    device: torch.device
    rank: int = 0
    """Its number, from 0."""
    num_processes: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process prints and writes what all processes have in common."""
        return self.rank == 0


def join_processes(device: torch.device | str | None = None) -> Process:
    """Connects this process with those launched together and returns its place; a lone process is the main one.

    Args:
        device: As for `choose_device`. Several processes take `cpu` or a type such as `cuda`, of which each
            process gets its own device.

    Raises:
        ConfigError: The device cannot be used, several processes are given the same one, or the launcher asks for
            another engine than DistributedDataParallel.

    Example:
        >>> join_processes("cpu")
        Process(device=device(type='cpu'), rank=0, num_processes=1)
    """
    state = _state(device)
    return Process(state.device, state.process_index, state.num_processes)


def make_accelerator(precision: str, device: torch.device | str | None = None) -> Accelerator:
    """Makes the Accelerator of a training.

    Args:
        precision: `fp32`, `bf16` or `fp16`.
        device: As for `join_processes`.

    Raises:
        ConfigError: As `join_processes`; or the launcher sets what the config sets.
    """
    refuse_other_settings(precision)
    # Accelerate keeps its precision in one place per process: an earlier training may have set another.
    AcceleratorState._reset_state()
    _state(device)
    return Accelerator(mixed_precision={"fp32": "no"}.get(precision, precision))


def leave_processes() -> None:
    """Disconnects this process at the end of its work; a lone process has nothing to do.

    The connection's threads end here. One that still frees a tensor while Python ends would abort the process after all
    its work is done.

    Example:
        >>> leave_processes()
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        gc.collect()  # models in DistributedDataParallel hold the connection, and may be parts of reference cycles


def gather(value: T) -> list[T]:
    """Returns the values of all processes, in order of their numbers; each process must call it.

    Example:
        >>> gather("of the only process")
        ['of the only process']
    """
    distributed = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return [value]
    values: list[T] = [value] * distributed.get_world_size()
    distributed.all_gather_object(values, value)
    return values


def from_main_process(process: Process, make: Callable[[], T]) -> T:
    """Returns to all processes what `make` returns on the main one, or raises its SegkitError in all of them.

    Example:
        >>> from_main_process(Process(torch.device("cpu")), lambda: "made once")
        'made once'
    """
    if process.num_processes == 1:
        return make()
    made: list[T] = []
    error: SegkitError | None = None
    if process.is_main:
        try:
            made = [make()]
        except SegkitError as caught:
            error = caught
    answer: list[list[T] | str | None] = [made, None if error is None else str(error)]
    theirs, message = broadcast_object_list(answer)
    if message is not None:
        raise error or SegkitError(message)
    result: T = (made or theirs)[0]
    return result


def _state(device: torch.device | str | None) -> PartialState:
    """Returns Accelerate's state of this process, with the device set."""
    refuse_other_engines()
    chosen = None if device is None else choose_device(device)
    # Without a GPU, processes find each other only if Accelerate is told to use the CPU.
    state = PartialState(cpu=cpu_only() or (chosen is not None and chosen.type == "cpu"))
    if state.num_processes == 1:
        state.device = chosen or choose_device()
    elif device is not None and torch.device(device).index is not None:
        raise ConfigError(
            f"device '{device}' is one device for {counted(state.num_processes, 'process')}. Leave it out: each "
            "process takes "
            "its own."
        )
    if state.device.type == "cuda":
        torch.cuda.set_device(state.device)  # random states and memory statistics are those of the current device
    return state
