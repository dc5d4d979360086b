"""TIFF files of forms that Pillow does not write: tiles, one plain strip, and color planes stored apart."""

import struct
import zlib

import numpy as np


def write_tiff(file, pixels, *, tile=None, planar=False, deflate=False, orientation=1):
    """Writes pixels (H,W,3) uint8 in tiles of (height, width), or as one strip."""
    height, width, channels = pixels.shape
    tile_height, tile_width = tile or (height, width)
    planes = [pixels[..., [channel]] for channel in range(channels)] if planar else [pixels]
    chunks = []
    for plane in planes:
        padded = np.zeros(
            (-(-height // tile_height) * tile_height, -(-width // tile_width) * tile_width, plane.shape[2])
        )
        padded[:height, :width] = plane
        for top in range(0, padded.shape[0], tile_height):
            for left in range(0, padded.shape[1], tile_width):
                part = padded[top : top + tile_height, left : left + tile_width].astype(np.uint8).tobytes()
                chunks.append(zlib.compress(part) if deflate else part)
    starts = [8 + sum(map(len, chunks[:number])) for number in range(len(chunks))]
    tags = {
        256: [width],
        257: [height],
        258: [8] * channels,
        259: [8 if deflate else 1],
        262: [2],
        274: [orientation],
        277: [channels],
        284: [2 if planar else 1],
    }
    lengths = list(map(len, chunks))
    if tile:
        tags |= {322: [tile_width], 323: [tile_height], 324: starts, 325: lengths}
    else:
        tags |= {273: starts, 278: [height], 279: lengths}
    data = b"".join(chunks)
    place = 8 + len(data)
    entries, extra = b"", b""
    behind = place + 2 + 12 * len(tags) + 4
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(values) > 1:
            entries += struct.pack("<HHII", tag, 4, len(values), behind + len(extra))
            extra += packed
        else:
            entries += struct.pack("<HHI", tag, 4, 1) + packed
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0) + extra
    file.write_bytes(struct.pack("<2sHI", b"II", 42, place) + data + directory)
    return file
