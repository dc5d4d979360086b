"""Formats outcomes as Markdown."""

import statistics
from collections.abc import Sequence

from benchmarking.comparing import Outcome

NOTHING = "–"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table whose first column is aligned left and all others right."""
    lines = [list(header), ["---", *["---:"] * (len(header) - 1)], *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def comparison(outcomes: Sequence[Outcome], peer: str) -> str:
    """Returns one row per case: medians, their ratio, the smallest and largest ratio of a pair, and memory."""
    header = ["work", "segkit", peer, "ratio", "spread", "goal", "memory", f"{peer}'s", "ratio", "goal"]
    return markdown(header, [_row(outcome) for outcome in outcomes])


def in_short(outcome: Outcome) -> str:
    """Returns the ratio of the times and its spread, for a line while other cases are still to come."""
    if outcome.times is None:
        return "outputs differ"
    low, high = outcome.times.spread
    return f"{outcome.times.ratio:.2f} ({low:.2f}–{high:.2f})"


def _row(outcome: Outcome) -> list[str]:
    if outcome.times is None:
        return [outcome.work, "outputs differ", *[NOTHING] * 8]
    low, high = outcome.times.spread
    return [
        outcome.work,
        duration(statistics.median(outcome.times.ours)),
        duration(statistics.median(outcome.times.theirs)),
        f"{outcome.times.ratio:.2f}",
        f"{low:.2f}–{high:.2f}",
        _judged(outcome.times.ratio, outcome.goal),
        size(outcome.our_memory),
        size(outcome.their_memory),
        NOTHING if outcome.memory_ratio is None else f"{outcome.memory_ratio:.2f}",
        _judged(outcome.memory_ratio, outcome.memory_goal),
    ]


def _judged(ratio: float | None, goal: float | None) -> str:
    if ratio is None or goal is None:
        return NOTHING
    return f"{'met' if round(ratio, 2) <= goal else 'missed'}: {goal:g}"  # compares the ratio as it is printed


def rates(outcomes: Sequence[Outcome], peer: str) -> str:
    """Returns a table of images per second and of segkit's operations per second; empty if no case has a rate."""
    rows = []
    for outcome in outcomes:
        if outcome.times is not None and outcome.images:
            ours, theirs = (statistics.median(side) for side in (outcome.times.ours, outcome.times.theirs))
            rate, peak = outcome.operations / ours, outcome.peak_rate
            per_second = [f"{outcome.images / side:.2f}" for side in (ours, theirs)]
            rows.append([outcome.work, *per_second, f"{rate / 1e9:.0f}", f"{peak / 1e9:.0f}", f"{rate / peak:.0%}"])
    header = ["work", "images/s", f"{peer}'s", "GFLOP/s", "matrix product", "fraction"]
    return markdown(header, rows) if rows else ""


def duration(seconds: float) -> str:
    """Formats a time in seconds or milliseconds."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def size(count: int | None) -> str:
    """Formats a number of bytes in MB or GB."""
    if count is None:
        return NOTHING
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
