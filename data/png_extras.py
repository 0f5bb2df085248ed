"""Chunks of a PNG file, added to one that is encoded already."""

import struct
import zlib

HEADER = 8 + 12 + 13
"""Bytes of a PNG file before its second chunk."""


def chunk(name: bytes, content: bytes) -> bytes:
    """Return the chunk called `name`, four letters, with its length and checksum."""
    body = name + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def text_chunk(keyword: str, text: str) -> bytes:
    """Return the chunk of an ASCII text under a keyword of at most 79 characters."""
    return chunk(b"tEXt", keyword.encode("ascii") + b"\0" + text.encode("ascii"))


def with_chunks(png: bytes, chunks: bytes) -> bytes:
    """Return a PNG file with `chunks` after its header; nothing else of it changes."""
    return png[:HEADER] + chunks + png[HEADER:]
