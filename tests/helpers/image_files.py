"""Image files that Pillow does not write, and damage to those that it does."""

import struct
import zlib


def write_png(file, rows, width, bits, kind):
    """Writes a PNG of packed rows, for the depths that Pillow does not write. kind: 0 gray, 2 RGB, 4 gray and alpha."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, len(rows), bits, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def exif_block(entries, order="<"):
    """Makes an EXIF block of (tag, type, count, data), whatever these mean."""
    out, extra, start = struct.pack(order + "H", len(entries)), b"", 8 + 2 + 12 * len(entries) + 4
    for tag, kind, count, data in entries:
        value = data.ljust(4, b"\0")
        if len(data) > 4:
            value = struct.pack(order + "I", start + len(extra))
            extra += data
        out += struct.pack(order + "HHI", tag, kind, count) + value
    mark = {"<": b"II", ">": b"MM"}[order]
    return mark + struct.pack(order + "HI", 42, 8) + out + b"\0\0\0\0" + extra
