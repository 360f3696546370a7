"""Scales by the C library, by Python where it cannot be loaded."""
import ctypes

try:
    native = ctypes.CDLL("libpicscale.so.2")
except OSError:
    native = None


def scale(pixels, width, height, to_width, to_height):
    if native is None:
        return slowly(pixels, width, height, to_width, to_height)
    out = ctypes.create_string_buffer(to_width * to_height * 3)
    if native.picscale(pixels, width, height, out, to_width, to_height) != 0:
        raise ValueError("cannot be scaled")
    return out.raw


def slowly(pixels, width, height, to_width, to_height):
    out = bytearray()
    for row in range(to_height):
        top, bottom = row * height // to_height, max((row + 1) * height // to_height, row * height // to_height + 1)
        for column in range(to_width):
            left, right = column * width // to_width, max((column + 1) * width // to_width, column * width // to_width + 1)
            for colour in range(3):
                out.append(sum(pixels[(y * width + x) * 3 + colour] for y in range(top, bottom) for x in range(left, right))
                           // ((bottom - top) * (right - left)))
    return bytes(out)
