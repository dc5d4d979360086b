"""Compare the speed and memory of segkit and of another program, on equal inputs with equal outputs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarking.peer import PEERS
from segkit.cli.main import run_command

if TYPE_CHECKING:
    import torch

    from benchmarking.case import Case, Options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds all options."""
    add = parser.add_argument
    add("--against", choices=list(PEERS), default="transformers", help="what to compare with (default: transformers)")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--profile", action="store_true", help="instead, show where the time of a training step goes")
    instead.add_argument("--scaling", metavar="DIR", help="instead, measure how cost grows, and draw plots into DIR")
    instead.add_argument("--launches", metavar="FILE", help="instead, count a step's operations, and draw them as PNG")
    _add_comparison(parser)


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    """Adds the options that every comparison has."""
    add = parser.add_argument
    add("--only", metavar="CASE", nargs="+", default=[], help="cases to run; the beginning of names selects all such")
    add("--json", metavar="FILE", help="also write all results to this file")
    add("--repeats", type=_count, default=5, metavar="N", help="measured pairs per case (default: 5)")
    add("--threads", type=_count, metavar="N", help="threads of each program (default: all physical cores)")
    add("--device", choices=["cpu", "cuda"], default="cpu", help="where to compute (default: cpu)")
    add("--scale", type=_factor, default=1.0, metavar="FACTOR", help="factor on the sides of all images (default: 1)")


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code, in the way of `segkit.cli.main.main`."""
    parser = argparse.ArgumentParser(prog="tools/benchmark.py", description=(__doc__ or "").partition("\n")[0])
    add_arguments(parser)
    return run_command(run, parser.parse_args(argv))


def compare_package(cases: Sequence[Case], argv: Sequence[str]) -> int:
    """Compares the cases of a package of parts with transformers, and returns the exit code."""
    parser = argparse.ArgumentParser(description="Compare speed and memory with transformers' model.")
    _add_comparison(parser)
    parser.set_defaults(against="transformers", profile=False, scaling=None, launches=None)
    return run_command(partial(run, known=cases), parser.parse_args(argv))


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least 1")
    return int(text)


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < 100:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number between 0 and 100")
    return factor


def run(arguments: argparse.Namespace, known: Sequence[Case] | None = None) -> int:
    """Runs what the arguments ask for; returns exit code 1 if outputs are not equal."""
    import torch

    from benchmarking.case import Options
    from benchmarking.cases import chosen
    from benchmarking.comparing import physical_cores
    from benchmarking.peer import require_peer
    from segkit.errors import SegkitError

    _refuse_idle_options(arguments)
    cases = chosen(arguments.only, arguments.against, known)
    peer = f"{arguments.against} {require_peer(arguments.against)}"
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise SegkitError("--device cuda: PyTorch finds no GPU. Leave the option out to measure the CPU.")
    options = Options(torch.device(arguments.device), arguments.scale)
    threads = arguments.threads or physical_cores()
    torch.set_num_threads(threads)
    environment = _environment(arguments, peer, threads)
    print("; ".join(f"{name} {value}" for name, value in environment.items()), flush=True)
    if arguments.scaling:
        return _scaling(Path(arguments.scaling), options, threads, peer)
    if arguments.launches:
        return _launches(Path(arguments.launches), options.device, peer)
    if arguments.profile:
        return _profile(cases, options, arguments.repeats, peer)
    return _compare(cases, options, threads, arguments, peer, environment)


def _refuse_idle_options(arguments: argparse.Namespace) -> None:
    from segkit.errors import SegkitError

    instead = [option for option in ("profile", "scaling", "launches") if getattr(arguments, option)]
    for option in instead:
        if arguments.json:
            raise SegkitError(f"--json: only the comparison writes this file. Leave it out with --{option}.")
        if arguments.only and option != "profile":
            raise SegkitError(f"--only: selects cases of the comparison. Leave it out with --{option}.")
        if arguments.against != "transformers":
            raise SegkitError(f"--{option}: compares with transformers only. Leave out --against {arguments.against}.")
    if arguments.launches and arguments.scale != 1:
        raise SegkitError("--scale: --launches counts the operations on images of 512x512 pixels. Leave --scale out.")


def _environment(arguments: argparse.Namespace, peer: str, threads: int) -> dict[str, str]:
    import platform

    import torch

    import segkit

    device = torch.cuda.get_device_name() if arguments.device == "cuda" else platform.machine()
    return {
        "segkit": segkit.__version__,
        "against": peer,
        "torch": torch.__version__,
        "device": f"{arguments.device} ({device})",
        "threads": str(threads),
        "repeats": str(arguments.repeats),
        "scale": f"{arguments.scale:g}",
    }


def _compare(
    cases: list[Case],
    options: Options,
    threads: int,
    arguments: argparse.Namespace,
    peer: str,
    environment: dict[str, str],
) -> int:
    import json
    import sys

    from benchmarking import table
    from benchmarking.comparing import as_json, compare

    outcomes = []
    for case in cases:
        print(f"{case.name} …", file=sys.stderr, flush=True)
        outcomes.append(compare(case, options, threads, arguments.repeats))
        print(f"{case.name}: {table.in_short(outcomes[-1])}", file=sys.stderr, flush=True)
        if arguments.json:  # what is measured stays, though the next case may be stopped
            content = {"environment": environment, "cases": [as_json(outcome) for outcome in outcomes]}
            Path(arguments.json).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"\n{table.comparison(outcomes, peer)}")
    rates = table.rates(outcomes, peer)
    if rates:
        print(f"\n{rates}")
    unequal = [outcome for outcome in outcomes if outcome.error]
    for outcome in unequal:
        print(f"error: {outcome.name}: the outputs are not equal: {outcome.error}", file=sys.stderr)
    return 1 if unequal else 0


def _profile(cases: list[Case], options: Options, repeats: int, peer: str) -> int:
    from benchmarking.profile import PROFILES, profile_table, profile_training
    from segkit.errors import SegkitError

    names = [case.name for case in cases if case.name in PROFILES]
    if not names:
        raise SegkitError(f"--profile: --only selects none of the cases that can be profiled: {', '.join(PROFILES)}.")
    for name in names:
        backbone, precision = PROFILES[name]
        sides = profile_training(options, backbone, precision, repeats)
        print(f"\n{name}, both in {precision}\n\n{profile_table(*sides, peer)}", flush=True)
    return 0


def _scaling(folder: Path, options: Options, threads: int, peer: str) -> int:
    import sys

    from benchmarking.scaling import growth_table, measure_growth, write_growth

    points = []
    for point in measure_growth(options, threads):
        outcome = point.error or f"{point.seconds:.3g} s"
        print(f"{point.work}, {point.axis} {point.amount[point.axis]}, {point.side}: {outcome}", file=sys.stderr)
        points.append(point)
    write_growth(folder, points, peer)
    print(f"\n{growth_table(points, peer)}\n\nplots and scaling.json: {folder}")
    return 0


def _launches(file: Path, device: torch.device, peer: str) -> int:
    import sys

    from benchmarking.launches import count_launches, draw_launches, goals_in_words, launch_table

    counts = []
    for one in count_launches(device):
        print(f"{one.batch} images: segkit {one.ours}, {peer} {one.theirs}", file=sys.stderr, flush=True)
        counts.append(one)
    draw_launches(file, counts, peer)
    print(f"\n{launch_table(counts, peer)}\n")
    for goal in goals_in_words(counts, peer):
        print(goal)
    print(f"plot: {file}")
    return 0
