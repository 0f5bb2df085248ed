"""The chunks of a PNG, each with a checksum.

Pillow does not compare the checksums of pixel data. Where some of it is overwritten and still
decompresses to enough pixels, it returns wrong ones.
"""

import zlib

from data.errors import InputError

SIGNATURE = b"\x89PNG\r\n\x1a\n"

ANCILLARY = 0x20
"""The bit of a chunk's first letter by which pixels do not depend on the chunk."""


def check_png(data: bytes, name: str) -> None:
    """Raise if what the pixels of a PNG depend on is damaged; what follows its end does not matter.

    Files of other formats are left alone.

    Raises:
        InputError: a checksum is wrong. What is missing, decoders find.
    """
    if not data.startswith(SIGNATURE):
        return
    view, position = memoryview(data), len(SIGNATURE)
    while position + 12 <= len(data):
        length = int.from_bytes(view[position : position + 4])
        kind, end = bytes(view[position + 4 : position + 8]), position + 8 + length
        if end + 4 > len(data):
            return
        wrong = zlib.crc32(view[position + 4 : end]) != int.from_bytes(view[end : end + 4])
        if wrong and not kind[0] & ANCILLARY:
            raise InputError(
                f"{name} is damaged: a part of the picture is overwritten (wrong checksum of "
                f"{kind.decode('latin-1')!r})"
            )
        if kind == b"IEND":
            return
        position = end + 4
