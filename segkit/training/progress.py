"""The output of a training: lines or a progress bar on the console, `metrics.jsonl`."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType

import torch
from accelerate import Accelerator
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from segkit.evaluation.tables import class_table, summary, summary_table
from segkit.runtime.writing import Json, explain_write_errors, without_nan
from segkit.types import Batch, Metrics

SHOWN_METRICS = 6
"""Summary metrics in the line that is printed after an evaluation."""


class Reporter:
    """Prints and logs the progress of a training. A context manager.

    Args:
        steps: Optimizer steps of the whole training.
        start: Steps done before, by the run that is resumed.
        metrics_file: Where `log` appends its lines, if anywhere.
        active: False makes the reporter silent, as in all processes but the main one.
        clock: Returns the time in seconds.

    Example:
        >>> with Reporter(steps=10) as reporter:
        ...     reporter.print("ready")
        ready
    """

    def __init__(
        self,
        steps: int,
        start: int = 0,
        *,
        metrics_file: Path | None = None,
        active: bool = True,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.active = active
        self._console = Console(quiet=not active, markup=False)  # brackets in paths and class names are text
        self._steps = steps
        self._start = start
        self._metrics_file = metrics_file
        self._clock = clock
        self._started = clock()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=self._console,
            disable=not (active and self._console.is_terminal),
        )
        self._task = self._bar.add_task("training", total=steps, completed=start, losses="")

    def __enter__(self) -> "Reporter":
        self._started = self._clock()
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def print(self, text: str | Table) -> None:
        """Prints a line or a table, above the bar."""
        self._console.print(text, highlight=False, soft_wrap=isinstance(text, str))

    def advance(self, step: int) -> None:
        """Moves the bar."""
        self._bar.update(self._task, completed=step)

    def log(self, step: int, values: Mapping[str, Json]) -> None:
        """Appends one line to `metrics.jsonl`; values may be nested in sections. NaN becomes null."""
        if not self.active or self._metrics_file is None:
            return
        with explain_write_errors(self._metrics_file):
            self._metrics_file.parent.mkdir(parents=True, exist_ok=True)
        with explain_write_errors(self._metrics_file), self._metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(without_nan({"step": step, **values})) + "\n")

    def show_step(self, step: int, losses: Mapping[str, float], images_per_second: float) -> None:
        """Shows the losses of the last decoder layer beside the bar; without a terminal, prints a line."""
        text = " ".join(f"{name} {value:.3f}" for name, value in losses.items() if "/" not in name)
        text = f"{text} | {images_per_second:.1f} images/s"
        if self._bar.disable:
            seconds_left = (self._clock() - self._started) / max(step - self._start, 1) * (self._steps - step)
            self.print(f"step {step}/{self._steps} | {text} | {duration(seconds_left)} left")
        else:
            self._bar.update(self._task, losses=text)

    def show_evaluation(self, step: int, metrics: Mapping[str, Metrics], tables: bool) -> None:
        """Prints a line of the first summary metrics; with `tables` all metrics, of each class too."""
        shown = list(summary(metrics).items())[:SHOWN_METRICS]
        self.print(f"step {step}: {', '.join(f'{name} {value:.4f}' for name, value in shown)}")
        if tables:
            self.print(class_table(metrics))
            self.print(summary_table(metrics))


class Meter:
    """Counts images and seconds, from its construction on.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._started = clock()
        self.waited = 0.0
        """Seconds spent waiting for data."""
        self.images = 0

    def next_of(self, batches: Iterator[Batch]) -> Batch:
        """Returns the next batch, and measures how long it takes."""
        before = self._clock()
        batch = next(batches)
        self.waited += self._clock() - before
        self.images += len(batch.files)
        return batch

    def rates(self, accelerator: Accelerator) -> dict[str, float]:
        """Returns the speed of all processes, the fraction of the time spent waiting, and the most memory of a GPU."""
        seconds = self._clock() - self._started
        rates = {
            "images_per_second": round(self.images * accelerator.num_processes / seconds, 3),
            "waiting_for_data": round(self.waited / seconds, 4),
        }
        if accelerator.device.type == "cuda":
            rates["peak_memory_gb"] = round(torch.cuda.max_memory_allocated(accelerator.device) / 1e9, 3)
        return rates


def duration(seconds: float) -> str:
    """Returns hours, minutes and seconds.

    Example:
        >>> duration(3661.2)
        '1:01:01'
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
