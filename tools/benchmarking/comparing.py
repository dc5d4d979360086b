"""Runs one case: checks that outputs are equal, then measures time and memory."""

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarking.case import Case, Options, UnequalOutputs, Workload
from benchmarking.measuring import FreshProcess, Times, alternately, memory_growth, peak_rate, seconds
from segkit.inspection.operation_count import counter
from segkit.runtime.allocation import keep_freed_memory

Side = Literal["ours", "theirs"]


@dataclass(frozen=True)
class Outcome:
    """The measurements of one case."""

    name: str
    work: str
    goal: float | None
    memory_goal: float | None
    error: str | None = None
    """How the outputs differ; None if they are equal. Nothing is measured if they differ."""
    times: Times | None = None
    our_memory: int | None = None
    """Peak bytes of the first call, beyond what was held before; None if the system does not report it."""
    their_memory: int | None = None
    images: int = 0
    """Images per call; 0 if a rate has no meaning."""
    operations: int = 0
    """Floating-point operations of one call of segkit in convolutions, matrix products and attention."""
    peak_rate: float = 0.0
    """Operations per second of a large matrix product in the same number format, measured with the case."""

    @property
    def memory_ratio(self) -> float | None:
        return self.our_memory / self.their_memory if self.our_memory is not None and self.their_memory else None


def compare(case: Case, options: Options, threads: int, repeats: int) -> Outcome:
    """Checks that the outputs are equal, then measures each side in its own process.

    With one process for both, each side would find the memory in the state in which the other left it.
    """
    _prepare(threads)
    workload = case.make(options)
    try:
        with torch.backends.cudnn.flags(allow_tf32=False):  # TF32 rounds more than the check allows
            workload.check()
    except UnequalOutputs as error:
        return Outcome(case.name, workload.work, case.goal, case.memory_goal, error=str(error))
    operations = count_operations(workload) if workload.images else 0
    peak = peak_rate(options.device, workload.dtype) if workload.images else 0.0
    work, images = workload.work, workload.images
    del workload
    gc.collect()
    with FreshProcess() as ours, FreshProcess() as theirs:
        our_memory = ours.call(_begin, case, "ours", options, threads)
        their_memory = theirs.call(_begin, case, "theirs", options, threads)
        times = alternately(
            lambda calls: ours.call(_timed, "ours", calls, options.device),
            lambda calls: theirs.call(_timed, "theirs", calls, options.device),
            repeats,
        )
    return Outcome(
        case.name,
        work,
        case.goal,
        case.memory_goal,
        times=times,
        our_memory=our_memory,
        their_memory=their_memory,
        images=images,
        operations=operations,
        peak_rate=peak,
    )


def physical_cores() -> int:
    """Returns the number of cores this process may use. The second thread of a core does not count."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    cores = set()
    for cpu in os.sched_getaffinity(0):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        cores.add(siblings.read_text().strip() if siblings.is_file() else str(cpu))
    return len(cores)


def _prepare(threads: int) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(0)


def prepare_side(side: Side, threads: int) -> None:
    """Prepares the process of one side."""
    _prepare(threads)
    if side == "ours":
        keep_freed_memory()  # as segkit's commands do


_begun: dict[Side, Workload] = {}
"""The workload of this process, by side."""


def _begin(case: Case, side: Side, options: Options, threads: int) -> int | None:
    """Builds the workload and returns the bytes that its first call takes."""
    prepare_side(side, threads)
    _begun[side] = case.make(options)
    return memory_growth(_work_of(side), options.device)


def _timed(side: Side, calls: int, device: torch.device) -> float:
    return seconds(_work_of(side), calls, device)


def _work_of(side: Side) -> Callable[[], Any]:
    return _begun[side].ours if side == "ours" else _begun[side].theirs


def count_operations(workload: Workload) -> int:
    """Returns the floating-point operations of one call of segkit."""
    counter = OperationCounter()
    with torch.compiler.set_stance("force_eager"), counter:  # compiled code hides its operations from the counter
        workload.ours()
    return counter.total


class OperationCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operations like torch's FlopCounterMode, which fails for a module with parameters in inference mode."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0
        self._formulas = counter().flop_registry

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), settings: dict[str, Any] | None = None
    ) -> Any:
        settings = settings or {}
        count = self._formulas.get(function._overloadpacket)
        if count is None:
            with self:
                inner = function.decompose(*arguments, **settings)
            if inner is not NotImplemented:
                return inner
        result = function(*arguments, **settings)
        if count is not None:
            self.total += count(*arguments, **settings, out_val=result)
        return result


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Returns an outcome as the file of `--json` holds it."""
    times = outcome.times
    return {
        "name": outcome.name,
        "work": outcome.work,
        "error": outcome.error,
        "goal": outcome.goal,
        "memory_goal": outcome.memory_goal,
        "seconds": times and {"ours": times.ours, "theirs": times.theirs},
        "ratio": times and times.ratio,
        "spread": times and list(times.spread),
        "memory_bytes": {"ours": outcome.our_memory, "theirs": outcome.their_memory},
        "memory_ratio": outcome.memory_ratio,
        "images": outcome.images,
        "operations": outcome.operations,
        "peak_rate": outcome.peak_rate,
    }
