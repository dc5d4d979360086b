"""TIFF files of forms that Pillow does not write: tiles, one plain strip, and color planes stored apart."""

import struct
import zlib

import numpy as np


def write_tiff(
    file, pixels, *, tile=None, planar=False, deflate=False, orientation=1, order="<", differences=False, tags=None
):
    """Writes pixels (H,W,C) uint8 or uint16 in tiles of (height, width), or as one strip.

    `order` is that of bytes. With `differences`, each value is stored less that of the pixel on the left. `tags`
    replace those of the file.
    """
    height, width, channels = pixels.shape
    tile_height, tile_width = tile or (height, width)
    planes = [pixels[..., [channel]] for channel in range(channels)] if planar else [pixels]
    chunks = []
    for plane in planes:
        padded = np.zeros(
            (-(-height // tile_height) * tile_height, -(-width // tile_width) * tile_width, plane.shape[2]),
            dtype=pixels.dtype,
        )
        padded[:height, :width] = plane
        for top in range(0, padded.shape[0], tile_height):
            for left in range(0, padded.shape[1], tile_width):
                part = padded[top : top + tile_height, left : left + tile_width].copy()
                if differences:
                    part[:, 1:] -= part[:, :-1].copy()
                stored = part.astype(part.dtype.newbyteorder(order)).tobytes()
                chunks.append(zlib.compress(stored) if deflate else stored)
    starts = [8 + sum(map(len, chunks[:number])) for number in range(len(chunks))]
    bits = 8 * pixels.dtype.itemsize
    known = {
        256: [width],
        257: [height],
        258: [bits] * channels,
        259: [8 if deflate else 1],
        262: [2 if channels == 3 and bits == 8 else 1],
        274: [orientation],
        277: [channels],
        284: [2 if planar else 1],
        317: [2 if differences else 1],
    }
    lengths = list(map(len, chunks))
    if tile:
        known |= {322: [tile_width], 323: [tile_height], 324: starts, 325: lengths}
    else:
        known |= {273: starts, 278: [height], 279: lengths}
    known |= tags or {}
    data = b"".join(chunks)
    place = 8 + len(data)
    entries, extra = b"", b""
    behind = place + 2 + 12 * len(known) + 4
    for tag, values in sorted(known.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            entries += struct.pack(f"{order}HHII", tag, 4, len(values), behind + len(extra))
            extra += packed
        else:
            entries += struct.pack(f"{order}HHI", tag, 4, 1) + packed
    directory = struct.pack(f"{order}H", len(known)) + entries + struct.pack(f"{order}I", 0) + extra
    file.write_bytes(struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, place) + data + directory)
    return file
