"""Hashes of samples, which tell whether data is the same, whatever files are called."""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass

from data.files import read_bytes
from data.groups import as_bytes
from data.samples import Sample
from data.threads import map_threads, raise_first

HASH_LENGTH = 16
"""Digits of `photo_hashes`: 64 bits, which no two of a million photos share by chance."""


@dataclass(frozen=True)
class Hashes:
    """Hashes of the files of a sample."""

    sample: str
    """Of its name, its group, its photo and its mask."""
    photo: str
    """See `photo_hashes`."""


def fingerprint(samples: Sequence[Sample]) -> str:
    """Return a hash of the names, groups and files of `samples`.

    Raises:
        InputError: a file cannot be read.
    """
    return combined(digests(samples))


def digests(samples: Sequence[Sample]) -> list[str]:
    """Return a hash of the name, group and files of each sample.

    Raises:
        InputError: a file cannot be read.
    """
    return [hashes.sample for hashes in hashes_of(samples)]


def hashes_of(samples: Sequence[Sample]) -> list[Hashes]:
    """Return both hashes of each sample; its files are read once.

    Raises:
        InputError: a file cannot be read.
    """
    with closing(raise_first(map_threads(_hashes, samples))) as results:
        return list(results)


def photo_hashes(samples: Sequence[Sample]) -> list[str]:
    """Return a hash of each photo's file, whatever its name: `HASH_LENGTH` hexadecimal digits.

    Raises:
        InputError: a file cannot be read.
    """
    with closing(raise_first(map_threads(_photo_hash, samples))) as results:
        return list(results)


def combined(hashes: Iterable[str]) -> str:
    """Return the `fingerprint` of samples from the `digests` of them."""
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _hashes(sample: Sample) -> Hashes:
    photo, mask = hashlib.sha256(read_bytes(sample.photo)), hashlib.sha256(_mask_bytes(sample))
    name = as_bytes(f"{sample.name}/{sample.group}/")
    whole = hashlib.sha256(name + photo.digest() + mask.digest())
    return Hashes(whole.hexdigest(), photo.hexdigest()[:HASH_LENGTH])


def _mask_bytes(sample: Sample) -> bytes:
    """Return what decides the mask of a sample: its file, or its part of a file."""
    return read_bytes(sample.mask) if sample.polygons is None else sample.polygons.content()


def _photo_hash(sample: Sample) -> str:
    return hashlib.sha256(read_bytes(sample.photo)).hexdigest()[:HASH_LENGTH]
