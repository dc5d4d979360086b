"""Segment images with a checkpoint, and write overlays and results (PNG, JSON)."""

from __future__ import annotations

import argparse
import glob
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from segkit.cli._arguments import add_inference_arguments, add_trust_arguments
from segkit.cli._exit_codes import DONE, FAILED
from segkit.cli._failures import leaving_whole_files
from segkit.cli._predictors import open_predictor, predictor_digest
from segkit.cli._types import fraction, not_empty, positive
from segkit.cli._videos import left_of, predict_videos, refuse_for_videos

if TYPE_CHECKING:
    from segkit.data.listing import Listing
    from segkit.inference.outcomes import Outcome
    from segkit.inference.predictor import Predictor
    from segkit.results.prediction_folder import PredictionFolder, PredictionJob
    from segkit.runtime.processes import Process
    from segkit.runtime.writing import Json
    from segkit.types import PixelFormat


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", help="a checkpoint or run folder, or a file that segkit export wrote"
    )
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        help="segment images, folders or quoted globs; or videos, cameras (0 or rtsp://...) and sequences (%%04d.png)",
    )
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
        help="read images of up to N pixels (default: that of $SEGKIT_MAX_PIXELS, or else 178956970, twice "
        "as many as Pillow warns of)",
    )
    _add_output_arguments(parser)
    add_inference_arguments(parser)
    add_trust_arguments(parser)


def _add_output_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--resume", action="store_true", help="go on with an earlier prediction in --output: what is done is left out"
    )
    parser.add_argument(
        "--output-format",
        choices=["folder", "zip", "webdataset"],
        default="folder",
        help="write the files of the images into folders, or into zip or WebDataset archives of up to 256 images "
        "(default: folder)",
    )


def run(arguments: argparse.Namespace) -> int:
    from segkit.results.files import refuse_useless_format
    from segkit.results.prediction_folder import count_done
    from segkit.runtime.processes import gather, join_processes
    from segkit.runtime.writing import require_folder
    from segkit.video.sources import videos_in

    # Before the model is loaded, which takes longer than noticing a wrong path.
    videos = videos_in(arguments.inputs)
    if videos:
        refuse_for_videos(videos, arguments)
    files = [] if videos else list(images_in(arguments.inputs))
    require_folder(Path(arguments.output))
    process = join_processes(arguments.device)
    predictor = open_predictor(arguments, process.device)
    if videos:
        with leaving_whole_files(arguments.output, left_of(videos)):
            return predict_videos(predictor, videos, _settings(predictor, arguments), arguments, process)
    refuse_useless_format(arguments.result_format or "coco", [predictor.postprocessor.result_type])
    job = _job(predictor, files, arguments)
    if process.is_main and arguments.resume and not job.manifest.files():
        print(f"{arguments.output}: has no manifest to resume from, so the prediction starts anew")
    start = time.monotonic()
    left = "but not those of all images. To go on, run the same command with --resume."
    with leaving_whole_files(arguments.output, left):
        segmented = sum(gather(_predict(predictor, job, arguments, process)))
    if process.is_main:
        _tell(job, segmented, time.monotonic() - start)
    # A launcher ends all processes once one has failed: not before the lines are printed.
    done = gather(count_done(job))[0]
    # An unreadable image does not stop the others, but scripts must notice it.
    return DONE if done == len(files) else FAILED


def _tell(job: PredictionJob, segmented: int, seconds: float) -> None:
    """Prints how many of the images have a result now, and how quickly this command segmented its own."""
    from segkit.results.prediction_folder import count_done

    done = count_done(job)
    before = f", {done - segmented} of them before" if done > segmented else ""
    speed = f", {segmented / seconds:.2f} images/s" if segmented else ""
    if renamed := job.renamed():
        file, name = renamed[0]
        others = f"; {job.manifest.path} tells all {len(renamed)}" if len(renamed) > 1 else ""
        print(f"images of one name: the results of {file} are called {name}{others}")
    print(f"{done} of {len(job.files)} images segmented ({job.task}{before}){speed}: {job.folder}", flush=True)


def _settings(predictor: Predictor, arguments: argparse.Namespace) -> dict[str, Json]:
    """Returns what the results depend on."""
    return {
        "task": predictor.task,
        "checkpoint": predictor_digest(arguments),
        "precision": arguments.precision,
        "score_threshold": arguments.score_threshold,
        "window": arguments.window,
        "augment": arguments.augment,
    }


def _job(predictor: Predictor, files: list[str], arguments: argparse.Namespace) -> PredictionJob:
    from segkit.results.prediction_folder import PredictionJob
    from segkit.results.stores import refuse_references

    refuse_references(arguments.output_format, arguments.result_format or "coco")
    settings = _settings(predictor, arguments) | {
        "result_format": arguments.result_format or "coco",
        "output_format": arguments.output_format,
    }
    return PredictionJob(
        Path(arguments.output),
        files,
        predictor.classes,
        predictor.postprocessor.result_type,
        settings,
        arguments.result_format or "coco",
        arguments.output_format,
    )


def _predict(predictor: Predictor, job: PredictionJob, arguments: argparse.Namespace, process: Process) -> int:
    """Segments the images of this process; returns how many it could."""
    from segkit.cli._bar import track_images
    from segkit.results.prediction_folder import open_predictions
    from segkit.runtime.background import in_background

    with open_predictions(job, process, arguments.resume) as own:
        outcomes = track_images(predictor.predict_many(own.todo, arguments.batch_size), len(own.todo), process.is_main)
        # Drawing and compressing run in another thread, while the model predicts the next image.
        return sum(in_background(lambda outcome: _write(outcome, own), outcomes))


def _write(outcome: Outcome, own: PredictionFolder) -> bool:
    """Writes overlay and result, or prints the error. Returns whether the image was segmented."""
    if outcome.error is not None:
        print(f"error: {outcome.error}", file=sys.stderr)
        own.write_error(outcome.file, str(outcome.error))
        return False
    assert outcome.image is not None, "an outcome without error has an image"
    assert outcome.result is not None, "and a result"
    own.write(outcome.file, outcome.image, outcome.result)
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
    from segkit.data.formats import ARRAYS
    from segkit.data.images import refuse_address
    from segkit.data.listing import list_tree, warn_of_the_rest
    from segkit.errors import DataError, counted
    from segkit.types import RGB

    refuse_address(text)
    path = Path(text)
    listing = _listing(text, RGB)
    if not listing.images:
        listing = _listing(text, ARRAYS)  # arrays are images where nothing else is
    if not listing.images:
        deeper = list_tree(path).images if path.is_dir() else []
        if deeper:
            images = counted(deeper, "image")
            raise DataError(
                f"{text}: the folder has no images itself, but {images} below it. Name '{text}/**' for all."
            )
        problem = "a folder without images" if path.is_dir() else "no such file, folder or glob"
        raise DataError(f"{text}: {problem}. Images end in .png, .jpg, .tif or another suffix that Pillow reads.")
    warn_of_the_rest(listing)
    return [str(file) for file in listing.images]


def _listing(text: str, pixels: PixelFormat) -> Listing:
    from segkit.data.formats import image_suffixes
    from segkit.data.listing import Listing, is_hidden, is_hidden_image, list_folder

    path = Path(text)
    if path.is_dir():
        return list_folder(path, pixels)
    matches = [Path(match) for match in sorted(glob.glob(text, recursive=True))]
    files = [file for file in matches if file.is_file() and not is_hidden(file)]
    is_image = [file.suffix.lower() in image_suffixes(pixels) for file in files]
    images = [file for file, found in zip(files, is_image, strict=True) if found]
    others = [file for file, found in zip(files, is_image, strict=True) if not found]
    hidden = [file for file in matches if file.is_file() and is_hidden_image(file)]
    return Listing(path, images, others, [], hidden)
