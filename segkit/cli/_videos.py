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
    from segkit.video.prediction import VideoFiles


def predict_videos(predictor: Predictor, videos: list[str], arguments: argparse.Namespace, process: Process) -> int:
    """Segments the videos of this process; returns the exit code. A video that fails does not stop the others."""
    from segkit.results.names import OutputNames
    from segkit.runtime.processes import gather
    from segkit.video.sources import name_of

    names = OutputNames()
    named = {video: names.of(f"{video}/{name_of(video)}.mp4") for video in videos}
    files = {video: _files_of(named[video], predictor.task, Path(arguments.output)) for video in videos}
    taken = [str(file) for one in files.values() for file in (one.overlays, one.results) if file.exists()]
    if taken:
        raise DataError(f"{taken[0]}: is there already. Choose another --output, or remove it.")
    own = videos[process.rank :: process.num_processes]
    done = [_predict_video(predictor, video, files[video], arguments, process) for video in own]
    return DONE if all(all(those) for those in gather(done)) else FAILED


def refuse_for_videos(arguments: argparse.Namespace) -> None:
    """Refuses the options that say something about images or their files.

    Raises:
        ConfigError: One is given.
    """
    given = {
        "--resume": arguments.resume,
        "--output-format": arguments.output_format != "folder",
        "--result-format": arguments.result_format,
        "--max-pixels": arguments.max_pixels,
    }
    useless = [option for option, value in given.items() if value]
    if useless:
        raise ConfigError(f"videos: these options are for images: {', '.join(useless)}. Leave them out.")


def _files_of(name: str, task: str, folder: Path) -> VideoFiles:
    from segkit.video.prediction import VideoFiles

    return VideoFiles(folder / f"{name}_{task}.mp4", folder / f"{name}_{task}.json")


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
