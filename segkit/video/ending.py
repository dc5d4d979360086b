"""How far a video goes and how far it says that it goes: one that was cut off has decodable frames up to its end."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from segkit.errors import DataError
from segkit.runtime.reading import open_file

if TYPE_CHECKING:
    import av.container
    import av.packet
    import av.stream
    import av.video.stream

TOLERANCE = 1.0
"""Seconds that may be missing: a program that shortens a file without encoding it again writes times that differ."""

_ASF_PROPERTIES = bytes.fromhex("A1DCAB8C47A9CF118EE400C00C205365")
"""Begins the properties of the file in the header of ASF, the container of WMV."""

_HEADER = 2**20
"""Bytes at the beginning of a file in which they are looked for."""


class Ending:
    """Compares what a container says of its length with what is read from it.

    MP4, MOV, MKV, WebM, FLV, AVI and WMV say their length at their beginning. MPEG streams (TS, MPG) do not; FFmpeg
    computes it from the end that it finds, so nothing tells that they were cut off.

    Args:
        source: Named in errors.
        container: Open.
        stream: The video stream that is read.
    """

    def __init__(
        self, source: str, container: av.container.InputContainer, stream: av.video.stream.VideoStream
    ) -> None:
        of_stream = _end_of_stream(container, stream)
        self._source = source
        self._is_of_all = of_stream is None
        self._full = _length(source, container) if of_stream is None else of_stream
        self._last_packet = 0.0

    def saw(self, packet: av.packet.Packet[av.stream.Stream]) -> None:
        """Takes a packet of any stream: the length of some containers is that of their longest stream."""
        if packet.pts is not None:
            end = (packet.pts + (packet.duration or 0)) * packet.time_base
            self._last_packet = max(self._last_packet, float(end))

    def require_whole(self, count: int, last: float, tolerance: float = TOLERANCE) -> None:
        """Checks that nothing is missing at the end.

        Args:
            count: Frames that were read.
            last: The time of the last one, in seconds.
            tolerance: Seconds that may be missing.

        Raises:
            DataError: There is no frame, or the last ones are missing.
        """
        end = self._last_packet if self._is_of_all else last
        if count == 0 or self._full - end > tolerance:
            raise DataError(
                f"{self._source}: ends after {count} frames ({end:.1f} s), but says that it lasts {self._full:.1f} s. "
                "It is cut off: copy it again."
            )


def _end_of_stream(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> float | None:
    """Returns the second at which a stream ends by its container, None where that tells nothing of single streams."""
    # FFmpeg shortens the duration of an AVI file to what it finds; the number of frames stays what the header says.
    if container.format.name == "avi" and stream.frames and stream.average_rate:
        return float(stream.frames / stream.average_rate)
    if stream.duration and stream.time_base:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    clock = re.match(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))  # of Matroska
    return float(clock[1]) * 3600 + float(clock[2]) * 60 + float(clock[3]) if clock else None


def _length(source: str, container: av.container.InputContainer) -> float:
    """Returns the seconds that a container says it lasts, 0 where it does not."""
    # FFmpeg does not tell the length of an ASF file whose size is not what the header says.
    if container.format.name == "asf":
        with open_file(source) as file:
            return _asf_length(file.read(_HEADER))
    return (container.duration or 0) / 1e6


def _asf_length(header: bytes) -> float:
    """Returns the seconds that the header of an ASF file tells, 0 where it does not, as in a broadcast.

    Behind the identifier and 48 bytes follow the times to play and to send in 100 ns, the time before the first frame
    in ms, and flags of which the lowest means a broadcast.
    """
    begin = header.find(_ASF_PROPERTIES)
    if begin < 0 or len(header) < begin + 92:
        return 0
    play, _, before, flags = struct.unpack_from("<QQQI", header, begin + 64)
    return 0.0 if flags & 1 else float(play / 1e7 - before / 1e3)
