"""Write a self-contained HTML page about runs: curves, metrics, confusion matrix, overlays, config, environment."""

import argparse
from pathlib import Path

from segkit.cli._types import not_empty


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs", metavar="RUN", nargs="+", type=not_empty, help="the folder of a run; several are compared"
    )
    parser.add_argument(
        "--output", type=not_empty, metavar="FILE.html", help="default: report.html in the folder of the first run"
    )


def run(arguments: argparse.Namespace) -> int:
    from segkit.reports.run_records import read_run
    from segkit.reports.run_report import write_report

    output = Path(arguments.output or Path(arguments.runs[0]) / "report.html")
    write_report(output, [read_run(Path(run)) for run in arguments.runs])
    print(f"report: {output}")
    return 0
