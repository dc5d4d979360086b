"""From a video to a video of overlays and the results of each frame."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.errors import DataError, WriteError
from segkit.ops.run_length import encode_masks, rle_to_json
from segkit.results.json_list import JsonList
from segkit.results.overlay import paint_regions
from segkit.results.regions import Region, instances_stand_out, regions_of
from segkit.runtime.background import in_background
from segkit.video.reader import Frame, Video
from segkit.video.tracker import Tracker
from segkit.video.writer import VideoWriter, video_file

if TYPE_CHECKING:
    from segkit.inference.outcomes import Outcome
    from segkit.inference.predictor import Predictor


@dataclass(frozen=True)
class VideoFiles:
    """The files of one video."""

    overlays: Path
    """MP4."""
    results: Path
    """JSON: `classes`, and of each frame its `segments`: number, class, score and COCO's run lengths."""


def predict_video(
    predictor: Predictor,
    video: Video,
    files: VideoFiles,
    batch_size: int = 1,
    track: Callable[[Iterator[Outcome]], Iterator[Outcome]] = iter,
) -> int:
    """Segments a video, and writes overlays and results; returns the number of frames.

    Whatever ends it early, the frames until then are in complete files, also where a camera is stopped by Ctrl-C. The
    memory does not depend on the length of the video.

    Args:
        predictor: Of RGB images.
        video: Open.
        files: To be written; they are replaced.
        batch_size: Frames that go through the model together.
        track: Shows the progress.

    Raises:
        DataError: The video is damaged, or too small for the model.
        WriteError: A file cannot be written. Then neither is.
    """
    head = json.dumps({"classes": list(predictor.classes.names), "frames": []}).removesuffix("]}")
    images = _UntilTheEnd(video)
    with (
        _both_or_neither(files),
        video_file(files.overlays, video.rate) as overlays,
        JsonList(files.results, head, "]}") as results,
    ):
        writer = FrameWriter(overlays, results, predictor.classes)
        outcomes = track(predictor.predict_many(images, batch_size))
        try:
            # Drawing and encoding run in another thread, while the model predicts the next frame.
            for _ in in_background(lambda outcome: writer.write(images.next_frame(), outcome), outcomes):
                pass
        except WriteError:
            raise
        except BaseException as error:
            images.ended = images.ended or error
        if images.ended is not None and writer.count == 0:
            raise images.ended
    if images.ended is not None:
        raise images.ended
    return writer.count


@contextmanager
def _both_or_neither(files: VideoFiles) -> Iterator[None]:
    """Removes what is complete already where the other file cannot be written."""
    try:
        yield
    except WriteError:
        for file in (files.overlays, files.results):
            if file.is_file():  # a folder of this name is another reason
                file.unlink()
        raise


class _UntilTheEnd:
    """The images of a video until something ends it, which is kept: what was read before shall still be written."""

    def __init__(self, video: Video) -> None:
        self._video = video
        self._read: deque[Frame] = deque()
        self.ended: BaseException | None = None

    def __iter__(self) -> Iterator[Tensor]:
        try:
            for frame in self._video.frames:
                self._read.append(frame)
                yield frame.image
        except GeneratorExit:
            raise
        except BaseException as error:
            self.ended = error

    def next_frame(self) -> Frame:
        """Returns the first frame that has not been asked for."""
        return self._read.popleft()


class FrameWriter:
    """Writes the overlay and the results of frame after frame.

    Args:
        overlays: Takes the overlays.
        results: Takes the results.
        classes: Of the results.
    """

    def __init__(self, overlays: VideoWriter, results: JsonList, classes: Classes) -> None:
        self._overlays, self._results, self._classes = overlays, results, classes
        self._tracker = Tracker()
        self.count = 0
        """Frames so far."""

    def write(self, frame: Frame, outcome: Outcome) -> None:
        """Appends a frame and its result.

        Raises:
            DataError: The frame could not be segmented.
            WriteError: A file cannot be written.
        """
        if outcome.error is not None:
            raise DataError(f"frame {frame.number}: {outcome.error}")
        assert outcome.result is not None, "an outcome without error has a result"
        regions = regions_of(outcome.result, self._classes)
        quiet = instances_stand_out(outcome.result, self._classes)
        self._tracker.update(regions)
        segments = [self._segment(region) for region in regions]
        self._results.add({"frame": frame.number, "seconds": round(frame.seconds, 6), "segments": segments})
        self._overlays.write(paint_regions(frame.image, regions, self._classes, quiet), frame.seconds)
        self.count += 1

    def _segment(self, region: Region) -> dict[str, object]:
        rle = rle_to_json(encode_masks(torch.from_numpy(region.mask)[None])[0])
        numbered = {} if region.number is None else {"number": region.number}
        score = {} if region.score is None else {"score": round(region.score, 6)}
        return {"class": self._classes.names[region.label], **numbered, **score, "segmentation": rle}
