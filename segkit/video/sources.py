"""What a video comes from: a file, a stream, a camera, or a sequence of numbered images."""

import re
from collections.abc import Sequence
from pathlib import Path

from segkit.errors import ConfigError

SUFFIXES = frozenset(
    {
        *(".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4"),
        *(".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv"),
    }
)
"""Suffixes, in lower case, of files that are videos."""

STREAM = re.compile(r"rtsps?://.")
"""What the address of a camera in the network begins with."""

NUMBER = re.compile(r"%(0\d+)?d")
"""The place of the number in the names of a sequence: `frame_%04d.png`, as FFmpeg writes it."""


def is_camera(source: str) -> bool:
    """Returns whether a source is the index of a camera of this machine.

    Example:
        >>> is_camera("0"), is_camera("0.mp4")
        (True, False)
    """
    return source.isascii() and source.isdigit() and not Path(source).exists()


def is_live(source: str) -> bool:
    """Returns whether a source is a camera, of this machine or in the network.

    Example:
        >>> is_live("0"), is_live("rtsp://camera/1"), is_live("film.mp4")
        (True, True, False)
    """
    return is_camera(source) or STREAM.match(source) is not None


def is_sequence(source: str) -> bool:
    """Returns whether a source names a sequence of images.

    Example:
        >>> is_sequence("frames/frame_%04d.png"), is_sequence("frames/frame_0001.png")
        (True, False)
    """
    return NUMBER.search(Path(source).name) is not None and not Path(source).exists()


def is_video(source: str) -> bool:
    """Returns whether a source is any kind of video.

    Example:
        >>> is_video("film.MP4"), is_video("rtsp://camera/1"), is_video("street.jpg")
        (True, True, False)
    """
    suffix = Path(source).suffix.lower()
    return suffix in SUFFIXES or STREAM.match(source) is not None or is_camera(source) or is_sequence(source)


def videos_in(sources: Sequence[str]) -> list[str]:
    """Returns the videos, each once, if all sources are videos, and none if none is.

    Raises:
        ConfigError: Some are, and others are not.

    Example:
        >>> videos_in(["a.mp4", "b.mp4", "a.mp4"]), videos_in(["a.jpg"])
        (['a.mp4', 'b.mp4'], [])
    """
    videos = list(dict.fromkeys(source for source in sources if is_video(source)))
    others = [source for source in sources if source not in videos]
    if videos and others:
        raise ConfigError(
            f"{videos[0]} is a video, and {others[0]} is none. Their results differ in kind: segment images and videos "
            "with a command each."
        )
    return videos


def name_of(source: str) -> str:
    """Returns a name without suffix for the files of a video.

    Example:
        >>> name_of("films/street.mp4"), name_of("0"), name_of("frames/a_%04d.png")
        ('street', 'camera_0', 'a')
        >>> name_of("rtsp://user:secret@host:554/door")
        'door'
    """
    if is_camera(source):
        return f"camera_{source}"
    if STREAM.match(source):
        place = source.split("?")[0].split("://")[1].rpartition("@")[2]
        return re.sub(r"[^\w.-]+", "_", place.rstrip("/").rpartition("/")[2]) or "stream"
    if is_sequence(source):
        return NUMBER.sub("", Path(source).stem).strip("_-. ") or "sequence"
    return Path(source).stem
