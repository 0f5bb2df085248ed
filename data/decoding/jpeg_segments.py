"""The segments of a JPEG, and what they tell about it without decoding its pixels.

A JPEG is a row of segments, each with a marker (FF and its kind) and most with a length. After the
segment that starts a scan comes entropy-coded data, up to the next marker but those of restarts.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

START, END, SCAN, TABLES, JFIF, ADOBE = 0xD8, 0xD9, 0xDA, 0xC4, 0xE0, 0xEE
WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD8))

SEQUENTIAL, ARITHMETIC = (0xC0, 0xC1), range(0xC9, 0xD0)
"""Frames coded by Huffman whose pixels are in one scan, or one a channel; arithmetic coding."""
NO_FRAMES = (TABLES, 0xC8, 0xCC)
"""Kinds from C0 to CF that start no frame."""

MARKER = re.compile(rb"\xff+([^\0\xff])", re.DOTALL)
SCAN_END = re.compile(rb"\xff+([^\0\xff\xd0-\xd7])", re.DOTALL)

MOST_PADDING = 32
"""Most zeros between the last scan and the end marker that are padding."""

HOLE = bytes(128)
"""More zeros than the data of a scan has in a row, unless they stand for an even area."""


class Segment(NamedTuple):
    """A segment of a JPEG."""

    kind: int
    content: bytes
    """With its length in front."""
    scan: bytes
    """The entropy-coded data that follows it."""
    is_last: bool
    """Whether the end marker follows."""


def segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments of a JPEG up to its end marker, without bytes between them.

    Raises:
        ValueError: a segment ends after the file, or another picture begins.
    """
    position = 2
    while (found := MARKER.search(data, position)) and found[1][0] != END:
        kind, position = found[1][0], found.end()
        if kind in WITHOUT_LENGTH:
            continue
        length = int.from_bytes(data[position : position + 2])
        if kind == START or length < 2 or position + length > len(data):
            raise ValueError("another picture begins, or a segment ends after the file")
        content = data[position : position + length]
        position += length
        after = SCAN_END.search(data, position) if kind == SCAN else None
        end = position if kind != SCAN else after.start() if after else len(data)
        is_last = after is not None and after[1][0] == END
        yield Segment(kind, content, data[position:end], is_last)
        position = end


def frame_of(data: bytes) -> int:
    """Return the kind of frame of a JPEG, 0xC0 to 0xCF; 0 if there is none."""
    kinds = (segment.kind for segment in segments(data))
    return next((kind for kind in kinds if is_frame(kind)), 0)


def is_frame(kind: int) -> bool:
    """Whether segments of this kind start a frame."""
    return 0xC0 <= kind < 0xD0 and kind not in NO_FRAMES


def mended(data: bytes) -> bytes:
    """Return a JPEG without what draws a warning of decoders and costs no pixel.

    That is bytes between segments, padding before the end marker, a missing end marker, and unusual
    values in headers.

    Raises:
        ValueError: a segment ends after the file, or another picture begins.
    """
    parts, frame, num_scans, is_ended = [b"\xff\xd8"], 0, 0, False
    for segment in segments(data):
        frame = segment.kind if is_frame(segment.kind) else frame
        num_scans += segment.kind == SCAN
        is_ended = segment.is_last
        content = _usual(segment.kind, segment.content, frame)
        scan = _unpadded(segment.scan) if segment.is_last else segment.scan
        parts += [bytes([0xFF, segment.kind]), content, scan]
    if is_ended or (frame in SEQUENTIAL and num_scans == 1):
        parts.append(b"\xff\xd9")  # if anything but this marker is missing, decoders warn
    return b"".join(parts)


def has_hole(data: bytes) -> bool:
    """Whether a scan has many zeros in a row that stand for no even area.

    Of Huffman tables the first symbol has the code of zeros alone. Only if that is no change (DC)
    and the end of a block (AC) can many zeros be an even area.
    """
    if HOLE not in data:
        return False
    frame, first_symbols = 0, dict[int, int]()
    for segment in segments(data):
        frame = segment.kind if is_frame(segment.kind) else frame
        if segment.kind == TABLES:
            first_symbols.update(_first_symbols(segment.content[2:]))
        if HOLE in segment.scan and not _may_be_even(segment.content, frame, first_symbols):
            return True
    return False


def _may_be_even(scan: bytes, frame: int, first_symbols: dict[int, int]) -> bool:
    """Whether zeros in a scan may stand for an even area.

    Args:
        scan: content of the segment that starts it.
        frame: kind of frame.
        first_symbols: of the Huffman tables so far, by class and number.
    """
    if frame in ARITHMETIC:
        return False
    if frame not in SEQUENTIAL:
        return not scan[-3]  # the first coefficient alone: a bit a block
    tables = [scan[at] for at in range(4, 3 + 2 * scan[2], 2)]
    used = {table >> 4 for table in tables} | {0x10 | table & 0xF for table in tables}
    return not any(first_symbols.get(table, 0) for table in used)


def _first_symbols(tables: bytes) -> Iterator[tuple[int, int]]:
    """Yield the class and number of each Huffman table, and its first symbol."""
    position = 0
    while position + 17 < len(tables):
        yield tables[position], tables[position + 17]
        position += 17 + sum(tables[position + 1 : position + 17])


def _usual(kind: int, content: bytes, frame: int) -> bytes:
    """Return the content of a segment with usual values where others draw a warning."""
    if kind == JFIF and content[2:7] == b"JFIF\0":
        return content[:7] + b"\1\1" + content[9:]  # its version
    if kind == ADOBE and content[2:7] == b"Adobe" and len(content) > 13 and content[13] > 2:
        return content[:13] + b"\1" + content[14:]  # YCbCr, which decoders take it for
    if kind == SCAN and frame in SEQUENTIAL:
        return content[:-3] + b"\0\x3f\0"  # all coefficients, as a sequential scan has
    return content


def _unpadded(scan: bytes) -> bytes:
    """Return the data of a picture's last scan without zeros that pad it."""
    short = scan.rstrip(b"\0")
    if len(scan) - len(short) > MOST_PADDING:
        return scan
    return short + b"\0" if short.endswith(b"\xff") else short  # a byte of data is FF 00
