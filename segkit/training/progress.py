"""The output of a training: lines or a progress bar on the console, `metrics.jsonl`."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType

import torch
from accelerate import Accelerator
from rich.console import Console
from rich.table import Table

from segkit.evaluation.tables import class_tables, summary, summary_line, summary_table
from segkit.runtime.terminal_lines import broken
from segkit.runtime.writing import Json, explain_write_errors, without_nan
from segkit.training.progress_bar import ProgressBar
from segkit.types import Batch, Metrics


class Reporter:
    """Prints and logs the progress of a training. A context manager.

    Args:
        steps: Optimizer steps of the whole training.
        start: Steps done before, by the run that is resumed.
        metrics_file: Where `log` appends its lines, if anywhere.
        active: False makes the reporter silent, as in all processes but the main one.
        log_classes: Print a table of all classes after each evaluation, not only at the end.
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
        log_classes: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.active = active
        self._console = Console(quiet=not active, markup=False)  # brackets in paths and class names are text
        self._steps = steps
        self._start = start
        self._metrics_file = metrics_file
        self._log_classes = log_classes
        self._clock = clock
        self._started = clock()
        self._bar = ProgressBar(steps, start, self._console, shown=active and self._console.is_terminal)

    def __enter__(self) -> "Reporter":
        self._started = self._clock()
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def print(self, text: str | Table) -> None:
        """Prints a line or a table, above the bar. On a terminal, a line that is too long is broken between words."""
        lines = broken(text, self._console.width) if isinstance(text, str) and self._console.is_terminal else text
        self._console.print(lines, highlight=False, soft_wrap=isinstance(text, str))

    def advance(self, step: int) -> None:
        """Moves the bar."""
        self._bar.advance_to(step)

    def log(self, step: int, values: Mapping[str, Json]) -> None:
        """Appends one line to `metrics.jsonl`; values may be nested in sections. NaN becomes null."""
        if not self.active or self._metrics_file is None:
            return
        with explain_write_errors(self._metrics_file):
            self._metrics_file.parent.mkdir(parents=True, exist_ok=True)
        with explain_write_errors(self._metrics_file), self._metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(without_nan({"step": step, **values})) + "\n")

    def show_step(self, step: int, losses: Mapping[str, float], images_per_second: float) -> None:
        """Shows the losses below the bar; without a terminal, prints a line."""
        if self._bar.disable:
            seconds_left = (self._clock() - self._started) / max(step - self._start, 1) * (self._steps - step)
            rest = f"{images_per_second:.1f} images/s | {duration(seconds_left)} left"
            self.print(f"step {step}/{self._steps} | {losses_in_words(losses)} | {rest}")
        else:
            self._bar.show(losses_in_words(losses), images_per_second)

    def show_evaluation(self, evaluated: str, metrics: Mapping[str, Metrics]) -> None:
        """Prints a line of the first summary metrics of each evaluator; with `log_classes`, those of each class too.

        Args:
            evaluated: What was evaluated, such as `step 400`.
            metrics: By evaluator.
        """
        self.print(f"{evaluated}: {summary_line(metrics)}")
        if self._log_classes:
            self._show_classes(metrics)

    def logged(self, metrics: Mapping[str, Metrics]) -> dict[str, Json]:
        """Returns what is logged of an evaluation: the summary metrics, with `log_classes` those of each class too."""
        classes = {"per_class": {name: one.per_class for name, one in metrics.items()}} if self._log_classes else {}
        return {"evaluation": summary(metrics), **classes}

    def show_tables(self, metrics: Mapping[str, Metrics]) -> None:
        """Prints all metrics that `show_evaluation` leaves out."""
        if not self._log_classes:
            self._show_classes(metrics)
        self.print(summary_table(metrics))

    def _show_classes(self, metrics: Mapping[str, Metrics]) -> None:
        for table in class_tables(metrics, self._console.width):
            self.print(table)


def losses_in_words(losses: Mapping[str, float]) -> str:
    """Returns the total loss and the parts of the last decoder layer.

    Args:
        losses: `total`, which is weighted, and the unweighted `<loss>/<layer>` and, for the last layer, `<loss>`.

    Example:
        >>> losses_in_words({"total": 2.5, "dice/0": 0.75, "dice": 0.25})
        'total 2.500 (weighted, all layers) | last layer, unweighted: dice 0.250'
        >>> losses_in_words({"total": 2.5, "dice": 0.5})
        'total 2.500 (weighted) | unweighted: dice 0.500'
    """
    parts = " ".join(f"{name} {value:.3f}" for name, value in losses.items() if "/" not in name and name != "total")
    total = f"total {losses['total']:.3f}"
    if not parts:
        return total
    if any("/" in name for name in losses):
        return f"{total} (weighted, all layers) | last layer, unweighted: {parts}"
    return f"{total} (weighted) | unweighted: {parts}"


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
