"""Reads videos frame by frame, so that the memory does not depend on their length."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from segkit.data.images import read_image
from segkit.errors import DataError, cause_of
from segkit.runtime.extras import import_extra
from segkit.runtime.reading import open_file
from segkit.video.ending import TOLERANCE, Ending
from segkit.video.sequence import numbered_images
from segkit.video.sources import STREAM, is_camera, is_sequence

if TYPE_CHECKING:
    import av.container
    import av.video.frame
    import av.video.stream

USUAL_RATE = Fraction(25)
"""Frames per second of what does not say its own."""

PATIENCE = 10.0
"""Seconds that a camera in the network may be silent."""

CONTAINERS = "asf,avi,flv,matroska,webm,mov,mp4,mpeg,mpegts,mxf,ogg,h264,hevc,m4v,mpegvideo"
"""FFmpeg's names of the formats that are opened. Others may name further files or addresses, which it would read."""


class Frame(NamedTuple):
    """One image of a video."""

    number: int
    """From 0."""
    seconds: float
    """From the first frame."""
    image: Tensor
    """(3,H,W) uint8 RGB, upright."""


@dataclass
class Video:
    """An open video."""

    source: str
    rate: Fraction
    """Frames per second, on average."""
    count: int | None
    """Frames that it says it has; None where it does not, as a camera."""
    frames: Iterator[Frame]
    """Raises DataError where the video is damaged or changes its size; the frames before are right."""


@contextmanager
def open_video(source: str) -> Iterator[Video]:
    """Opens a video file, an RTSP address, the index of a camera, or a sequence of images (`frame_%04d.png`).

    Raises:
        DataError: It is missing, or is no video.
        MissingExtraError: The package av is not installed.
    """
    if is_sequence(source):
        files = numbered_images(source)
        images = (read_image(file) for file in files)
        frames = (Frame(number, float(number / USUAL_RATE), image) for number, image in enumerate(images))
        yield Video(source, USUAL_RATE, len(files), _of_one_size(source, frames))
        return
    av = import_extra("av", "video")
    with ExitStack() as stack:
        try:
            container = stack.enter_context(_opened(av, source))
        except (av.FFmpegError, OSError) as error:
            raise DataError(f"{source}: cannot be opened as a video ({_cause(av, error)}).") from error
        if not container.streams.video:
            raise DataError(f"{source}: holds no video, only {_kinds(container)}.")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.options = {"err_detect": "explode"}  # FFmpeg would fill damaged places with guesses
        rate = stream.average_rate or USUAL_RATE
        yield Video(source, rate, stream.frames or None, _of_one_size(source, _decoded(av, source, container, rate)))


@contextmanager
def _opened(av: Any, source: str) -> Iterator[av.container.InputContainer]:
    if is_camera(source):
        with av.open(f"/dev/video{source}", format="v4l2") as container:
            yield container
    elif STREAM.match(source):
        with av.open(source, options={"rtsp_transport": "tcp"}, timeout=PATIENCE) as container:
            yield container
    else:
        options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
        with open_file(source) as file, av.open(file, options=options) as container:
            yield container


def _decoded(av: Any, source: str, container: av.container.InputContainer, rate: Fraction) -> Iterator[Frame]:
    """Yields the frames of the first video stream.

    Raises:
        DataError: One cannot be decoded, or the last ones are missing.
    """
    stream = container.streams.video[0]
    ending = Ending(source, container, stream)
    first, time, number = None, 0.0, 0
    try:
        for number, decoded in enumerate(_frames_of(container, stream, ending), start=1):
            time = decoded.time if decoded.time is not None else float((number - 1) / rate)
            first = time if first is None else first
            yield Frame(number - 1, time - first, _upright(decoded))
    except (av.FFmpegError, OSError) as error:
        raise DataError(f"{source}: frame {number} cannot be decoded ({_cause(av, error)}).") from error
    ending.require_whole(number, time, max(TOLERANCE, 2 / float(rate)))


def _frames_of(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, ending: Ending
) -> Iterator[av.video.frame.VideoFrame]:
    """Decodes a stream, while `ending` sees the packets of all."""
    for packet in container.demux():
        ending.saw(packet)
        if packet.stream is stream:
            yield from stream.decode(packet)


def _cause(av: Any, error: Exception) -> str:
    """Returns what an error says in words: FFmpeg has numbers, and of a timeout says only that it was asked to exit."""
    if isinstance(error, av.error.ExitError):
        return f"nothing came for {PATIENCE:g} seconds"
    return getattr(error, "strerror", None) or cause_of(error)


def _upright(decoded: av.video.frame.VideoFrame) -> Tensor:
    """Returns a frame as a player shows it. Phones store films lying on their side, with a note of the rotation."""
    pixels = decoded.to_ndarray(format="rgb24")
    turned = np.rot90(pixels, k=round(decoded.rotation / 90) % 4)
    return torch.from_numpy(np.ascontiguousarray(turned)).permute(2, 0, 1)


def _of_one_size(source: str, frames: Iterator[Frame]) -> Iterator[Frame]:
    """Yields frames as long as they have the size of the first.

    Raises:
        DataError: One has another size.
    """
    size: tuple[int, int] | None = None
    for frame in frames:
        height, width = frame.image.shape[1:]
        size = size or (height, width)
        if size != (height, width):
            raise DataError(
                f"{source}: frame {frame.number} is {width} x {height} pixels, but those before it are {size[1]} x "
                f"{size[0]}. Split the video there, or scale it to one size."
            )
        yield frame


def _kinds(container: av.container.InputContainer) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
