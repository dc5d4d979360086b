"""Videos drawn by tests."""

from fractions import Fraction

import av
import numpy as np
from PIL import Image

from segkit.results.regions import Region
from segkit.video.writer import video_file


def write_video(path, frames, rate=10, times=None):
    """Writes arrays (H,W,3) uint8 as MP4."""
    with video_file(path, Fraction(rate)) as writer:
        for number, frame in enumerate(frames):
            writer.write(Image.fromarray(frame), times[number] if times else number / rate)


def write_stream(path, frames, rate=10, container_format="mpegts", codec="libx264", options=None):
    """Writes arrays (H,W,3) uint8, by default as an MPEG transport stream, which may be put behind another."""
    with av.open(str(path), "w", format=container_format, options=options or {}) as container:
        stream = container.add_stream(codec, rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def gray_frames(count, size=(48, 64)):
    return [np.full((*size, 3), 20 + 10 * number, np.uint8) for number in range(count)]


def disks(places, radius=12, size=(120, 200)):
    """Regions of round objects, `{name: (x, y)}`; the later ones lie above the earlier ones."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    masks = {name: (rows - y) ** 2 + (columns - x) ** 2 <= radius**2 for name, (x, y) in places.items()}
    covered = np.zeros(size, dtype=bool)
    regions = {}
    for name in reversed(places):
        regions[name] = Region(masks[name] & ~covered, 0, (200, 0, 0), 0.9, is_instance=True)
        covered |= masks[name]
    return regions
