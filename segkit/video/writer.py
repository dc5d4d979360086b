"""Writes a video frame by frame: H.264 in MP4, which every browser plays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segkit.runtime.extras import import_extra
from segkit.runtime.writing import explain_write_errors, replace_file

TIME_BASE = Fraction(1, 90_000)
"""Seconds of one tick of the clock: that of MPEG, in which every usual rate is a whole number of ticks."""

QUALITY = "20"
"""The constant rate factor of x264: lower is better; at 18 one sees no difference to the original."""


class VideoWriter:
    """Appends frames to a video; see `video_file`."""

    def __init__(self, av: Any, container: Any, path: Path, rate: Fraction) -> None:
        self._av = av
        self._path = path
        self._container = container
        self._rate = rate
        self._stream: Any = None
        self._tick = -1

    def write(self, image: Image.Image, seconds: float) -> None:
        """Appends an image, which is shown from `seconds` after the start on.

        Raises:
            WriteError: It cannot be written.
        """
        pixels = np.asarray(image)
        # H.264 halves the resolution of colors, so sides must be even: the last row or column is repeated.
        pixels = np.pad(pixels, [(0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0)], "edge")
        if self._stream is None:
            self._stream = self._container.add_stream("libx264", self._rate, {"crf": QUALITY, "preset": "veryfast"})
            self._stream.height, self._stream.width = pixels.shape[:2]
            self._stream.pix_fmt = "yuv420p"
            self._stream.codec_context.time_base = TIME_BASE
        frame = self._av.VideoFrame.from_ndarray(pixels, format="rgb24")
        self._tick = max(self._tick + 1, round(seconds / TIME_BASE))  # times of frames must grow
        frame.pts, frame.time_base = self._tick, TIME_BASE
        with explain_write_errors(self._path):
            self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Writes what the encoder still holds."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())


@contextmanager
def video_file(path: Path, rate: Fraction) -> Iterator[VideoWriter]:
    """Yields what writes an MP4 file, which is at `path` only once it is complete.

    Args:
        path: The file.
        rate: Frames per second, on average; each frame has its own time.

    Raises:
        WriteError: It cannot be written.
        MissingExtraError: The package av is not installed.
    """
    av = import_extra("av", "video")
    with replace_file(path, durable=False) as draft, av.open(str(draft), "w", format="mp4") as container:
        writer = VideoWriter(av, container, path, rate)
        yield writer
        writer.finish()
