"""Compute a step again whose loss or gradients were not finite, and name the first value that is not."""

import argparse

from segkit.cli._arguments import add_device_argument, add_trust_arguments
from segkit.cli._types import not_empty


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", type=not_empty, metavar="RUN_OR_DUMP", help="a run folder, or one of its folders nonfinite/step_N"
    )
    add_trust_arguments(parser)
    add_device_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    from segkit.training.replay import replay

    done = replay(arguments.path, arguments.device, plugins=arguments.plugins, trust=arguments.trust)
    print(f"{done.folder}: step {done.step} on {', '.join(done.files)}")
    width = max(len(name) for name in done.recorded)
    print(f"{'':{width}}  {'training':>12}  {'now':>12}")
    for name, recorded in done.recorded.items():
        print(f"{name:{width}}  {recorded:12.6g}  {done.replayed[name]:12.6g}")
    print(done.conclusion())
    return 0
