"""`segkit predict` on videos."""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from segkit.cli._exit_codes import DONE, FAILED
from segkit.errors import ConfigError, DataError

if TYPE_CHECKING:
    from segkit.inference.predictor import Predictor
    from segkit.runtime.processes import Process
    from segkit.runtime.writing import Json
    from segkit.video.prediction import VideoFiles


def predict_videos(
    predictor: Predictor,
    videos: list[str],
    settings: dict[str, Json],
    arguments: argparse.Namespace,
    process: Process,
) -> int:
    """Segments the videos of this process; returns the exit code. A video that fails does not stop the others."""
    from segkit.results.targets import TASKS
    from segkit.runtime.processes import gather
    from segkit.video.folder import open_video_folder

    task = TASKS[predictor.postprocessor.result_type]
    with open_video_folder(Path(arguments.output), task, videos, settings, process, arguments.resume) as folder:
        if process.is_main and len(folder.todo) < len(videos):
            print(f"{len(videos) - len(folder.todo)} of {len(videos)} videos were segmented before", flush=True)
        succeeded = True
        for video in folder.todo[process.rank :: process.num_processes]:
            if _predict_video(predictor, video, folder.files[video], arguments, process):
                folder.add(video)
            else:
                succeeded = False
    return DONE if all(gather(succeeded)) else FAILED


def refuse_for_videos(videos: list[str], arguments: argparse.Namespace) -> None:
    """Refuses the options that say something about images or their files, before a model is loaded.

    Raises:
        ConfigError: One is given.
        MissingExtraError: The package av is not installed.
    """
    from segkit.runtime.extras import import_extra

    given = {
        "--output-format": arguments.output_format != "folder",
        "--result-format": arguments.result_format,
        "--max-pixels": arguments.max_pixels,
    }
    useless = [option for option, value in given.items() if value]
    if useless:
        raise ConfigError(f"videos: these options are for images: {', '.join(useless)}. Leave them out.")
    live = _first_live(videos)
    if live is not None and arguments.resume:
        raise ConfigError(
            f"{live} is a camera, and what it showed before does not come again: --resume would replace it. Leave it "
            "out, and give another --output."
        )
    import_extra("av", "video")


def left_of(videos: list[str]) -> str:
    """Returns what a signal leaves of videos, for the message."""
    if _first_live(videos) is not None:
        return "with the frames until now."
    return "but not those of all videos. To go on, run the same command with --resume."


def _first_live(videos: list[str]) -> str | None:
    from segkit.video.sources import is_live

    return next(filter(is_live, videos), None)


def _predict_video(
    predictor: Predictor, source: str, files: VideoFiles, arguments: argparse.Namespace, process: Process
) -> bool:
    """Segments one video, or prints the error. Returns whether it was segmented to its end."""
    from segkit.cli._bar import track_images
    from segkit.video.prediction import predict_video
    from segkit.video.reader import open_video

    start = time.monotonic()
    try:
        with open_video(source) as video:
            track = partial(track_images, total=video.count, shown=process.is_main, unit="frames")
            count = predict_video(predictor, video, files, arguments.batch_size, track)
    except DataError as error:
        kept = f" What was segmented before is in {files.overlays}." if files.overlays.exists() else ""
        print(f"error: {error}{kept}", file=sys.stderr)
        return False
    speed = count / (time.monotonic() - start)
    print(f"{source}: {count} frames segmented ({predictor.task}), {speed:.2f} frames/s: {files.overlays}", flush=True)
    return True
