"""Damage to the bytes of files, by chance but repeatable."""

import random
import re
from collections.abc import Callable, Sequence

NUMBER = re.compile(rb"-?\d+(\.\d+)?")

EXTREME_TEXT = (
    *(b"0", b"-1", b"1e999", b"-1e999", b"NaN", b"9" * 25, b"9" * 5000, b"1e-999", b"0.5"),
    *(b"2147483648", b"18446744073709551616", b'"x"', b"null", b"[" * 3000, b"\x1b[31m", b"true"),
)
EXTREME_BYTES = (b"\0", b"\xff", b"\x7f", b"\x80")


def mutate(data: bytes, donors: Sequence[bytes], chance: random.Random) -> tuple[str, bytes]:
    """Return the names of one to three kinds of damage, and `data` with it.

    Args:
        data: content of a file.
        donors: contents of other files, of which parts may replace those of this one.
        chance: decides on everything.
    """
    names = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        name, damage = chance.choice(KINDS)
        data = damage(data, chance) if name != "swap" else _swapped(data, donors, chance)
        names.append(name)
    return "+".join(names), data


def _flipped(data: bytes, chance: random.Random) -> bytes:
    result = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8)) if data else 0):
        result[_place(data, chance)] ^= 1 << chance.randrange(8)
    return bytes(result)


def _zeroed(data: bytes, chance: random.Random) -> bytes:
    start, length = _place(data, chance), chance.choice((1, 4, 16, 512, 4096))
    return data[:start] + bytes(len(data[start : start + length])) + data[start + length :]


def _cut_off(data: bytes, chance: random.Random) -> bytes:
    return data[: _place(data, chance)]


def _inserted(data: bytes, chance: random.Random) -> bytes:
    start = _place(data, chance)
    return data[:start] + chance.randbytes(chance.choice((1, 2, 7, 100))) + data[start:]


def _removed(data: bytes, chance: random.Random) -> bytes:
    start = _place(data, chance)
    return data[:start] + data[start + chance.choice((1, 2, 9, 100)) :]


def _repeated(data: bytes, chance: random.Random) -> bytes:
    start = _place(data, chance)
    part = data[start : start + chance.choice((1, 8, 64, 1000))]
    return data[:start] + part * chance.choice((2, 3, 50)) + data[start + len(part) :]


def _extreme(data: bytes, chance: random.Random) -> bytes:
    """Return `data` with a number in it, as text or in binary, replaced by an extreme one."""
    numbers = list(NUMBER.finditer(data)) if _is_text(data) else []
    if numbers:
        found = chance.choice(numbers)
        return data[: found.start()] + chance.choice(EXTREME_TEXT) + data[found.end() :]
    start, length = _place(data, chance), chance.choice((1, 2, 4, 8))
    first, rest = chance.choice(EXTREME_BYTES), chance.choice((b"\0", b"\xff"))
    number = (first + rest * (length - 1))[:: chance.choice((1, -1))]
    return data[:start] + number + data[start + length :]


def _swapped(data: bytes, donors: Sequence[bytes], chance: random.Random) -> bytes:
    """Return `data` with the beginning of another file."""
    donor, length = chance.choice(donors), chance.choice((2, 4, 16, 64, 300))
    return donor[:length] + data[length:]


def _place(data: bytes, chance: random.Random) -> int:
    """Return an offset in `data`; half of them lie near its beginning, where the headers are."""
    if len(data) < 2:
        return 0
    return chance.randrange(min(len(data), chance.choice((64, 512, len(data), len(data)))))


def _is_text(data: bytes) -> bool:
    return not set(data[:512]) & {*range(9), *range(14, 32)}


Damage = Callable[[bytes, random.Random], bytes]

KINDS: tuple[tuple[str, Damage], ...] = (
    ("flip", _flipped),
    ("zero", _zeroed),
    ("cut", _cut_off),
    ("insert", _inserted),
    ("remove", _removed),
    ("repeat", _repeated),
    ("extreme", _extreme),
    ("swap", lambda data, _: data),
)
