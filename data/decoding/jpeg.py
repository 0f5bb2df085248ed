"""Decoding JPEGs of which every pixel is there.

A decoder goes on where a JPEG is damaged, with a warning, and paints grey or colours what it cannot
read. Here a warning refuses the file, but for those of which every pixel is known to be there: with
stray bytes between segments or before the end marker, without an end marker, or with a header that
says things nobody needs. `mended` makes an ordinary JPEG of such a file, so that what still draws a
warning is damaged. Bytes after the end marker are never looked at.
"""

import re
from collections.abc import Iterator

import numpy as np
import simplejpeg

from data.arrays import Photo, Pixels
from data.errors import InputError

MARKER = re.compile(rb"\xff+([^\0\xff])", re.DOTALL)
SCAN_END = re.compile(rb"\xff+([^\0\xff\xd0-\xd7])", re.DOTALL)
"""The marker that ends the entropy-coded data of a scan, in which restart markers may stand."""

START, END, SCAN, JFIF, ADOBE = 0xD8, 0xD9, 0xDA, 0xE0, 0xEE
SEQUENTIAL = (0xC0, 0xC1)
"""Frames whose pixels are all in one scan, or one a channel, coded by Huffman."""
WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD8))

MOST_PADDING = 32
"""Most zeros between the last scan and the end marker that are padding."""


def decode_jpeg(data: bytes, name: str) -> Photo | None:
    """Return the (H, W, 3) uint8 RGB pixels of a JPEG in RGB, YCbCr or grey, not turned.

    None if the decoder does not know its layout of channels, which does not tell about damage.

    Raises:
        InputError: a part of it is missing or overwritten.
    """
    return _whole(data, "RGB", name)


def check_cmyk(data: bytes, name: str) -> None:
    """Raise if a JPEG of four channels is damaged.

    Raises:
        InputError: it is.
    """
    _whole(data, "CMYK", name)


def _whole(data: bytes, space: str, name: str) -> Pixels | None:
    try:
        return _strict(data, space)
    except ValueError as error:
        if not _is_known(data):
            return None
        found = error
    try:
        return _strict(mended(data), space)
    except ValueError:
        raise InputError(
            f"{name} is damaged: a part of the picture is missing or overwritten ({found})"
        ) from found


def _strict(data: bytes, space: str) -> Pixels:
    """Return the pixels of a JPEG.

    Raises:
        ValueError: the decoder refuses it or warns.
    """
    return np.asarray(simplejpeg.decode_jpeg(data, space, strict=True), np.uint8)


def _is_known(data: bytes) -> bool:
    """Whether the decoder knows the layout of channels."""
    try:
        simplejpeg.decode_jpeg_header(data, strict=False)
    except ValueError:
        return False
    return True


def mended(data: bytes) -> bytes:
    """Return a JPEG without what draws a warning of the decoder and costs no pixel.

    Raises:
        ValueError: a segment ends after the file.
    """
    return b"\xff\xd8" + b"".join(_mended_segments(data))


def _mended_segments(data: bytes) -> Iterator[bytes]:
    position, frame, num_scans = 2, 0, 0
    while found := MARKER.search(data, position):
        kind, position = found[1][0], found.end()
        if kind == END:
            yield b"\xff\xd9"
            return
        if kind in WITHOUT_LENGTH:
            continue
        if kind == START:
            raise ValueError("another picture begins")
        length = int.from_bytes(data[position : position + 2])
        if length < 2 or position + length > len(data):
            raise ValueError("a segment ends after the file")
        segment = data[position : position + length]
        frame = kind if 0xC0 <= kind < 0xD0 and kind not in (0xC4, 0xC8, 0xCC) else frame
        yield bytes([0xFF, kind]) + _mended_segment(kind, segment, frame)
        position += length
        if kind == SCAN:
            num_scans += 1
            after = SCAN_END.search(data, position)
            scan = data[position : after.start() if after else len(data)]
            yield _unpadded(scan) if after and after[1] == b"\xd9" else scan
            position += len(scan)
    if frame in SEQUENTIAL and num_scans == 1:
        yield b"\xff\xd9"  # if anything but this marker is missing, the decoder warns


def _mended_segment(kind: int, segment: bytes, frame: int) -> bytes:
    """Return a segment, its length in front, with usual values where others draw a warning."""
    if kind == JFIF and segment[2:7] == b"JFIF\0":
        return segment[:7] + b"\1\1" + segment[9:]  # its version
    if kind == ADOBE and segment[2:7] == b"Adobe" and len(segment) > 13 and segment[13] > 2:
        return segment[:13] + b"\1" + segment[14:]  # YCbCr, which the decoder takes it for
    if kind == SCAN and frame in SEQUENTIAL:
        return segment[:-3] + b"\0\x3f\0"  # all coefficients, as a sequential scan has
    return segment


def _unpadded(scan: bytes) -> bytes:
    """Return the data of a picture's last scan without zeros that pad it."""
    short = scan.rstrip(b"\0")
    if len(scan) - len(short) > MOST_PADDING:
        return scan
    return short + b"\0" if short.endswith(b"\xff") else short  # a byte of data is FF 00
