"""One case after the other: are the answers equal, how long do they take, how much memory."""

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarking.case import Case, Contest, Setting, Unequal
from benchmarking.measuring import FreshProcess, Times, alternately, memory_growth, peak_rate, seconds
from segkit.inspection.operation_count import counter
from segkit.runtime.allocation import keep_freed_memory

Side = Literal["ours", "theirs"]


@dataclass(frozen=True)
class Outcome:
    name: str
    work: str
    goal: float | None
    memory_goal: float | None
    error: str | None = None
    """How the outputs differ; then nothing was measured."""
    times: Times | None = None
    our_memory: int | None = None
    """Bytes at the worst moment beyond those held before; None where the system does not tell."""
    their_memory: int | None = None
    images: int = 0
    """Per call; 0 where a rate means nothing."""
    operations: int = 0
    """Ours per call: floating-point operations in convolutions, matrix products and attention."""
    peak_rate: float = 0.0
    """Operations per second of a large matrix product in the same numbers, measured beside the case."""

    @property
    def memory_ratio(self) -> float | None:
        return self.our_memory / self.their_memory if self.our_memory is not None and self.their_memory else None


def compare(case: Case, setting: Setting, threads: int, repeats: int) -> Outcome:
    """Measures only what gives equal outputs, each side in a process of its own, so that neither finds memory as the
    other has left it."""
    _prepare(threads)
    contest = case.make(setting)
    try:
        with torch.backends.cudnn.flags(allow_tf32=False):  # else convolutions are rounded more than we allow
            contest.check()
    except Unequal as error:
        return Outcome(case.name, contest.work, case.goal, case.memory_goal, error=str(error))
    operations = _operations(contest) if contest.images else 0
    peak = peak_rate(setting.device, contest.dtype) if contest.images else 0.0
    work, images = contest.work, contest.images
    del contest
    gc.collect()
    with FreshProcess() as ours, FreshProcess() as theirs:
        our_memory = ours.call(_begin, case, "ours", setting, threads)
        their_memory = theirs.call(_begin, case, "theirs", setting, threads)
        times = alternately(
            lambda calls: ours.call(_timed, "ours", calls, setting.device),
            lambda calls: theirs.call(_timed, "theirs", calls, setting.device),
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
    """Those this process may use; a core's second thread does not count."""
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
    """What a side's own process does first."""
    _prepare(threads)
    if side == "ours":
        keep_freed_memory()  # as segkit's commands do


_begun: dict[Side, Contest] = {}
"""What a side's own process works at."""


def _begin(case: Case, side: Side, setting: Setting, threads: int) -> int | None:
    """Bytes that the first call takes."""
    prepare_side(side, threads)
    _begun[side] = case.make(setting)
    return memory_growth(_work_of(side), setting.device)


def _timed(side: Side, calls: int, device: torch.device) -> float:
    return seconds(_work_of(side), calls, device)


def _work_of(side: Side) -> Callable[[], Any]:
    return _begun[side].ours if side == "ours" else _begun[side].theirs


def _operations(contest: Contest) -> int:
    counter = OperationCounter()
    with torch.compiler.set_stance("force_eager"), counter:  # nothing compiles while it looks on
        contest.ours()
    return counter.total


class OperationCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts as torch's FlopCounterMode does, which fails at a module that is given a parameter in inference mode."""

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
