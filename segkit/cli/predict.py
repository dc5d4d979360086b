"""Segment images with a checkpoint, and write overlays and results (PNG, JSON)."""

from __future__ import annotations

import argparse
import glob
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from segkit.cli._arguments import add_inference_arguments, add_trust_arguments
from segkit.cli._failures import leaving_whole_files
from segkit.cli._types import fraction, not_empty, positive

if TYPE_CHECKING:
    from rich.console import Console

    from segkit.inference.outcomes import Outcome
    from segkit.inference.predictor import Predictor
    from segkit.results.files import ResultWriter
    from segkit.runtime.processes import Process


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="load the model of a checkpoint or run folder")
    parser.add_argument("inputs", metavar="INPUT", nargs="+", help="segment images, folders or quoted globs")
    parser.add_argument(
        "--output", type=not_empty, metavar="DIR", required=True, help="write overlays and results into DIR"
    )
    parser.add_argument(
        "--task", type=not_empty, help="give semantic, instance or panoptic results (default: the config's first)"
    )
    parser.add_argument(
        "--score-threshold",
        type=fraction,
        metavar="S",
        help="instance and panoptic tasks only: the smallest score of a result, in 0..1 (default: the config's own; "
        "0.5 for instances if it sets none)",
    )
    parser.add_argument(
        "--batch-size",
        type=positive,
        default=1,
        metavar="N",
        help="put up to N images that pad to the same size through the model together (default: 1)",
    )
    parser.add_argument(
        "--max-pixels",
        type=positive,
        metavar="N",
        help="read images of up to N pixels (default: that of $SEGKIT_MAX_PIXELS, or else of Pillow, 178956970)",
    )
    add_inference_arguments(parser)
    add_trust_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from segkit.inference.predictor import Predictor
    from segkit.results.files import refuse_useless_format
    from segkit.results.filled import refuse_filled
    from segkit.runtime.processes import gather, join_processes
    from segkit.runtime.writing import require_folder

    # Before the model is loaded, which takes longer than noticing a wrong path.
    files = list(images_in(arguments.inputs))
    require_folder(Path(arguments.output))
    process = join_processes(arguments.device)
    predictor = Predictor(
        arguments.checkpoint,
        arguments.task,
        device=process.device,
        precision=arguments.precision,
        score_threshold=arguments.score_threshold,
        window=arguments.window,
        augment=arguments.augment,
        max_pixels=arguments.max_pixels,
        plugins=arguments.plugins,
        trust=arguments.trust,
    )
    refuse_useless_format(arguments.result_format or "coco", [predictor.postprocessor.result_type])
    refuse_filled(Path(arguments.output), [predictor.postprocessor.result_type])
    console = Console(markup=False, quiet=not process.is_main)
    with leaving_whole_files(arguments.output):
        own = _predict(predictor, files, arguments, process, console)
        segmented = sum(gather(own))
    text = f"{segmented} of {len(files)} images segmented ({predictor.task}): {arguments.output}"
    console.print(text, soft_wrap=True)
    gather(None)  # a launcher ends all processes once one has failed: not before the line is printed
    # An unreadable image does not stop the others, but scripts must notice it.
    return 0 if segmented == len(files) else 1


def _predict(
    predictor: Predictor, files: list[str], arguments: argparse.Namespace, process: Process, console: Console
) -> int:
    """Segments the images of this process; returns how many it could."""
    from rich.progress import track

    from segkit.results.files import ResultWriter
    from segkit.results.names import OutputNames
    from segkit.results.parts import own_part
    from segkit.runtime.background import in_background

    names = OutputNames()
    image_ids = {file: names.of(file) for file in files}
    own = files[process.rank :: process.num_processes]
    with (
        own_part(Path(arguments.output), process) as part,
        ResultWriter(part.folder, predictor.classes, part.names, arguments.result_format or "coco") as writer,
    ):
        outcomes = track(
            predictor.predict_many(own, arguments.batch_size),
            "predicting",
            total=len(own),
            console=console,
            transient=True,
        )
        # Drawing and compressing run in another thread, while the model predicts the next image.
        return sum(in_background(lambda outcome: _write(outcome, writer, image_ids[outcome.file]), outcomes))


def _write(outcome: Outcome, writer: ResultWriter, image_id: str) -> bool:
    """Writes overlay and result, or prints the error. Returns whether the image was segmented."""
    from segkit.results.overlay import overlay
    from segkit.results.png import save_png
    from segkit.results.targets import task_of

    name = writer.names.of(outcome.file)
    if outcome.error is not None:
        print(f"error: {outcome.error}", file=sys.stderr)
        return False
    assert outcome.image is not None, "an outcome without error has an image"
    assert outcome.result is not None, "and a result"
    writer.write(outcome.result, outcome.file, image_id)
    drawn = overlay(outcome.image, outcome.result, writer.classes)
    save_png(drawn, writer.folder / "overlays" / f"{name}_{task_of(outcome.result)}.png")
    return True


def images_in(inputs: list[str]) -> Iterator[str]:
    """Yields the image files that `inputs` name, each once; those of a folder sorted by name.

    Warns of what a folder or a glob names beside images. Hidden files are left out, unless they are named one by one.

    Raises:
        DataError: An input names no image.
    """
    yielded = set()
    for text in inputs:
        # Files come before globs: a file may be named like one, such as `a[1].png`.
        for file in [text] if Path(text).is_file() else _images_of(text):
            if file not in yielded:
                yielded.add(file)
                yield file


def _images_of(text: str) -> list[str]:
    """Returns the images of a folder or a glob."""
    from segkit.data.formats import image_suffixes
    from segkit.data.images import refuse_address
    from segkit.data.listing import Listing, is_hidden, list_folder, warn_of_the_rest
    from segkit.errors import DataError

    refuse_address(text)
    path = Path(text)
    if path.is_dir():
        listing = list_folder(path)
    else:
        matches = [Path(match) for match in sorted(glob.glob(text, recursive=True))]
        files = [file for file in matches if file.is_file() and not is_hidden(file)]
        is_image = [file.suffix.lower() in image_suffixes() for file in files]
        images = [file for file, found in zip(files, is_image, strict=True) if found]
        others = [file for file, found in zip(files, is_image, strict=True) if not found]
        listing = Listing(path, images, others, [])
    if not listing.images:
        problem = "a folder without images" if path.is_dir() else "no such file, folder or glob"
        raise DataError(f"{text}: {problem}. Images end in .png, .jpg, .tif or another suffix that Pillow reads.")
    warn_of_the_rest(listing)
    return [str(file) for file in listing.images]
