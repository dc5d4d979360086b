"""Segment images with a checkpoint: overlays, and results as PNG or JSON."""

from __future__ import annotations

import argparse
import glob
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from segkit.cli._arguments import add_inference_arguments

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a checkpoint's or a run's folder")
    parser.add_argument("inputs", metavar="INPUT", nargs="+", help="images, folders of images, or quoted globs")
    parser.add_argument("--output", metavar="DIR", required=True, help="where overlays and results are written")
    parser.add_argument("--task", help="semantic, instance or panoptic (default: the config's first)")
    parser.add_argument("--score-threshold", type=float, default=0.5, metavar="S", help="least score of an instance")
    parser.add_argument("--batch-size", type=int, default=1, metavar="N")
    add_inference_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import track

    from segkit.inference.predictor import Outcome, Predictor
    from segkit.results.files import OutputNames, ResultWriter
    from segkit.results.overlay import overlay

    files = list(images_in(arguments.inputs))
    predictor = Predictor(
        arguments.checkpoint,
        arguments.task,
        device=arguments.device,
        precision=arguments.precision,
        score_threshold=arguments.score_threshold,
        window=arguments.window,
    )
    output = Path(arguments.output)
    names = OutputNames()
    failed = 0
    console = Console()
    with ResultWriter(output, predictor.classes, names) as writer, Background() as background:

        def write(outcome: Outcome) -> None:
            assert outcome.image is not None, "an outcome without error has an image"
            assert outcome.result is not None, "and a result"
            writer.write(outcome.result, outcome.file, names.of(outcome.file))
            drawn = overlay(outcome.image, outcome.result, predictor.classes)
            (output / "overlays").mkdir(parents=True, exist_ok=True)
            drawn.save(output / "overlays" / f"{names.of(outcome.file)}.png")

        outcomes = predictor.predict_many(files, arguments.batch_size)
        for outcome in track(outcomes, "predicting", total=len(files), console=console, transient=True):
            if outcome.error is not None:
                failed += 1
                print(f"error: {outcome.error}", file=sys.stderr)
            else:
                background.do(write, outcome)
    done = len(files) - failed
    console.print(f"{done} of {len(files)} images segmented ({predictor.task}): {output}", soft_wrap=True)
    return 1 if failed else 0


class Background:
    """Does things one after the other in a thread of its own, at most `most` waiting; a context that ends with them."""

    def __init__(self, most: int = 4) -> None:
        self._most = most
        self._waiting: deque[Future[None]] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1)

    def do(self, action: Callable[[T], None], thing: T) -> None:
        """Raises what an earlier action has raised."""
        while len(self._waiting) >= self._most or (self._waiting and self._waiting[0].done()):
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(action, thing))

    def __enter__(self) -> Background:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._thread.shutdown(cancel_futures=kind is not None)
        for one in self._waiting if kind is None else ():
            one.result()


def images_in(inputs: list[str]) -> Iterator[str]:
    """The image files that `inputs` mean, each once, a folder's sorted by name.

    Raises DataError where an input means none.
    """
    from segkit.data.images import IMAGE_SUFFIXES
    from segkit.errors import DataError

    seen = set()
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            found = sorted(str(file) for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
        elif path.is_file():
            found = [text]
        else:
            found = sorted(
                file for file in glob.glob(text, recursive=True) if Path(file).suffix.lower() in IMAGE_SUFFIXES
            )
        if not found:
            what = "a folder without images" if path.is_dir() else "no such file, folder or glob"
            raise DataError(f"{text}: {what}. Images end in {', '.join(sorted(IMAGE_SUFFIXES))}.")
        for file in found:
            if file not in seen:
                seen.add(file)
                yield file
