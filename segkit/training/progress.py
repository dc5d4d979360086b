"""What a training tells while it runs: a bar or lines on the console, `metrics.jsonl`, TensorBoard where installed."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from segkit.runtime.writing import without_nan
from segkit.types import Batch


class Reporter:
    """Used by the main process alone; the others' `active=False` reporters are silent."""

    def __init__(self, run_path: Path, metrics_path: Path, steps: int, start: int, active: bool) -> None:
        self.console = Console(quiet=not active)
        self.active = active
        self._metrics_path = metrics_path
        self._steps = steps
        self._clock = time.perf_counter
        self._started = self._clock()
        self._start = start
        self._tensorboard = _tensorboard(run_path) if active else None
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=self.console,
            disable=not (active and self.console.is_terminal),
        )
        self._task = self._bar.add_task("training", total=steps, completed=start, figures="")

    def __enter__(self) -> "Reporter":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()
        if self._tensorboard is not None:
            self._tensorboard.close()

    def say(self, text: Any) -> None:
        """A line, or a rich table, above the bar."""
        self.console.print(text, highlight=False, soft_wrap=isinstance(text, str))

    def advance(self, step: int) -> None:
        self._bar.update(self._task, completed=step)

    def log(self, step: int, figures: dict[str, Any]) -> None:
        """One line of `metrics.jsonl`, nested figures by section, and the same on the console in short."""
        if not self.active:
            return
        with self._metrics_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(without_nan({"step": step} | figures)) + "\n")
        if self._tensorboard is not None:
            for name, value in _flat(figures).items():
                self._tensorboard.add_scalar(name, value, step)

    def show_step(self, step: int, losses: dict[str, float], images_per_second: float) -> None:
        text = " ".join(f"{name} {value:.3f}" for name, value in losses.items() if "/" not in name)
        text = f"{text} | {images_per_second:.1f} images/s"
        if self._bar.disable:
            left = (self._clock() - self._started) / max(step - self._start, 1) * (self._steps - step)
            self.say(f"step {step}/{self._steps} | {text} | {_duration(left)} left")
        else:
            self._bar.update(self._task, figures=text)


class Meter:
    """Counts what happened since the last line of the log."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.waited = 0.0
        self.images = 0

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    def timed(self, batches: Iterator[Batch]) -> Batch:
        before = time.perf_counter()
        batch = next(batches)
        self.waited += time.perf_counter() - before
        self.images += len(batch.files)
        return batch


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def _flat(figures: dict[str, Any], prefix: str = "") -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, value in figures.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}/")
        elif isinstance(value, (int, float)):
            flat[prefix + name] = value
    return flat


def _tensorboard(run_path: Path) -> Any:
    with suppress(ImportError):
        from torch.utils.tensorboard import SummaryWriter

        return SummaryWriter(str(run_path / "tensorboard"))
    return None
