"""Measures how time and memory grow with the work, each point in its own process, and draws plots."""

import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarking.case import Options, Workload
from benchmarking.comparing import Side, prepare_side
from benchmarking.losses import mask_losses, matching
from benchmarking.measuring import FreshProcess, memory_growth, seconds
from benchmarking.plots import Line, Panel, draw
from benchmarking.postprocessing import instance, panoptic, semantic
from benchmarking.table import NOTHING, duration, markdown, size
from segkit.errors import SegkitError

Amount = dict[str, int]
AXES: dict[str, list[Amount]] = {
    "targets": [{"targets": count, "queries": 200, "side": 512} for count in (1, 10, 50, 200)],
    "queries": [{"targets": 20, "queries": count, "side": 512} for count in (50, 100, 200, 400)],
    "side": [{"targets": 20, "queries": 100, "side": pixels} for pixels in (256, 512, 1024, 2048)],
}
LABELS = {"targets": "segments of the image", "queries": "queries", "side": "side of the image in pixels"}
REPEATS = 3
LEAST_BYTES = 1 << 16
"""Smaller values are noise of the system's pages. Also keeps 0 off the logarithmic axis."""


def _of_one_image(make: Callable[..., Workload]) -> Callable[[Options, Amount], Workload]:
    return lambda options, amount: make(options, images=1, **amount)


def _of_result(make: Callable[..., Workload]) -> Callable[[Options, Amount], Workload]:
    def made(options: Options, amount: Amount) -> Workload:
        pixels = amount["side"]
        return make(options, amount["targets"], amount["queries"], height=pixels, width=pixels)

    return made


WORKS = {
    "mask losses": _of_one_image(mask_losses),
    "matching": _of_one_image(matching),
    "semantic": _of_result(semantic),
    "panoptic": _of_result(panoptic),
    "instance": _of_result(instance),
}


@dataclass(frozen=True)
class Measured:
    """One point: a work at one amount, by one of the programs."""

    work: str
    axis: str
    amount: Amount
    side: Side
    seconds: float | None = None
    bytes: int | None = None
    error: str | None = None
    """Why the point could not be measured, such as too little memory."""


def measure_growth(
    options: Options, threads: int, works: Sequence[str] = tuple(WORKS), axes: Sequence[str] = tuple(AXES)
) -> Iterator[Measured]:
    """Measures and yields one point after the other."""
    for work in works:
        for axis in axes:
            for amount in AXES[axis]:
                for side in ("ours", "theirs"):
                    try:
                        with FreshProcess() as process:
                            taken, grown = process.call(_measure, work, amount, side, options, threads)
                        yield Measured(work, axis, amount, side, taken, grown)
                    except SegkitError as error:
                        yield Measured(work, axis, amount, side, error=str(error))


def _measure(work: str, amount: Amount, side: Side, options: Options, threads: int) -> tuple[float, int | None]:
    prepare_side(side, threads)
    workload = WORKS[work](options, amount)
    once: Callable[[], Any] = getattr(workload, side)
    grown = memory_growth(once, options.device)  # of the first call, which also warms up
    return statistics.median(seconds(once, 1, options.device) for _ in range(REPEATS)), grown


def write_growth(folder: Path, points: Sequence[Measured], peer: str) -> None:
    """Writes `scaling.json`, and for each work and axis a plot of time and memory, `<work>_<axis>.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scaling.json").write_text(json.dumps([asdict(point) for point in points], indent=1) + "\n")
    for work, axis in dict.fromkeys((point.work, point.axis) for point in points):
        chosen = [point for point in points if (point.work, point.axis) == (work, axis)]
        panels = [
            Panel(f"{work}: time", LABELS[axis], "ms", _lines(chosen, peer, _milliseconds)),
            Panel(f"{work}: memory", LABELS[axis], "MB", _lines(chosen, peer, _megabytes)),
        ]
        draw(folder / f"{work.replace(' ', '_')}_{axis}.png", panels)


def _lines(points: Sequence[Measured], peer: str, value_of: Callable[[Measured], float | None]) -> list[Line]:
    lines = []
    for side, name in (("ours", "segkit"), ("theirs", peer)):
        places = [(float(point.amount[point.axis]), value_of(point)) for point in points if point.side == side]
        lines.append(Line(name, [(x, y) for x, y in places if y is not None]))
    return lines


def _milliseconds(point: Measured) -> float | None:
    return None if point.seconds is None else point.seconds * 1e3


def _megabytes(point: Measured) -> float | None:
    return None if point.bytes is None else max(point.bytes, LEAST_BYTES) / 1e6


def growth_table(points: Sequence[Measured], peer: str) -> str:
    """Returns a table of time and memory at the smallest and the largest amount."""
    rows = []
    for work, axis in dict.fromkeys((point.work, point.axis) for point in points):
        amounts = [amount[axis] for amount in AXES[axis]]
        cells = []
        for side in ("ours", "theirs"):
            ends = [
                next(point for point in points if _key(point) == (work, axis, side, amount))
                for amount in (amounts[0], amounts[-1])
            ]
            cells.append(" → ".join(NOTHING if one.seconds is None else duration(one.seconds) for one in ends))
            cells.append(" → ".join(size(one.bytes) for one in ends))
        rows.append([work, f"{axis} {amounts[0]} → {amounts[-1]}", *cells])
    return markdown(["work", "growing", "segkit", "memory", peer, "memory"], rows)


def _key(point: Measured) -> tuple[str, str, Side, int]:
    return point.work, point.axis, point.side, point.amount[point.axis]
