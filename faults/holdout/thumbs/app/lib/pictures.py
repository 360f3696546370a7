"""Reads PPM and PGM, writes PNG."""
import re
import struct
import zlib

HEAD = re.compile(rb"P([56])\n(\d+) (\d+)\n255\n")


def head(raw, kind):
    match = HEAD.match(raw)
    if not match or match[1] != kind:
        raise ValueError("not a picture")
    return int(match[2]), int(match[3]), match.end()


def colours(raw):
    width, height, start = head(raw, b"6")
    if len(raw) - start < width * height * 3:
        raise ValueError(f"short by {width * height * 3 - len(raw) + start} bytes")
    return width, height, raw[start:]


def read_grey(path):
    with open(path, "rb") as file:
        raw = file.read()
    width, height, start = head(raw, b"5")
    return width, height, raw[start:]


def stamped(pixels, width, height, mark):
    """The mark in the lower right corner, half as bright."""
    wide, high, grey = mark
    out = bytearray(pixels)
    for row in range(min(high, height)):
        for column in range(min(wide, width)):
            at = ((height - 1 - row) * width + width - 1 - column) * 3
            for colour in range(3):
                out[at + colour] = (out[at + colour] + grey[row * wide + column]) // 2
    return bytes(out)


def png(pixels, width, height, level):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + pixels[row * width * 3:(row + 1) * width * 3] for row in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows, level)) + chunk(b"IEND", b""))
