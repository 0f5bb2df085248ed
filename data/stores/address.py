"""Addresses of objects and folders in stores, such as s3://bucket/photos."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from data.errors import InputError

PACKAGES = {"s3": "foveamask[s3]", "gs": "gcsfs", "memory": "fsspec"}
"""Stores by the beginning of their addresses, and what has to be installed for them."""

OTHERS = ("s3a", "s3n", "gcs", "az", "abfs", "abfss", "adl", "hdfs", "http", "https", "ftp", "sftp")
"""Beginnings of addresses that are refused instead of being taken for folders."""

# A `Path` that was made of an address has lost a slash.
ADDRESS = re.compile(rf"({'|'.join((*PACKAGES, *OTHERS))}):/{{1,2}}(?!/)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Address:
    """An object, or a folder: all objects whose keys begin with it and a slash."""

    scheme: str
    key: str
    """Bucket and what follows, without a slash at the end."""

    @classmethod
    def parse(cls, path: str | Path) -> Self | None:
        """Return the address that `path` is; None if it is a path on disk.

        Raises:
            InputError: it is of a store that is not read, or has no bucket.
        """
        match = ADDRESS.fullmatch(str(path))
        if match is None:
            return None
        scheme, key = match[1], match[2].rstrip("/")
        if scheme not in PACKAGES:
            known = ", ".join(f"{name}://" for name in PACKAGES)
            raise InputError(f"{scheme}://{key}: such addresses are not read, only {known}")
        if not key:
            raise InputError(f"{scheme}:// has no bucket; name one, such as {scheme}://bucket")
        if any(part in ("", ".", "..") for part in key.split("/")):
            raise InputError(f"{scheme}://{key}: parts between slashes may not be empty, . or ..")
        return cls(scheme, key)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.key}"

    @property
    def bucket(self) -> str:
        """The bucket."""
        return self.key.partition("/")[0]

    @property
    def name(self) -> str:
        """The last part."""
        return self.key.rpartition("/")[2]

    @property
    def folder(self) -> Self:
        """The folder that it lies in; a bucket lies in none."""
        return type(self)(self.scheme, self.key.rpartition("/")[0])

    def holds(self, other: "Address") -> bool:
        """Whether `other` is this folder, or lies in it."""
        inside = f"{other.key}/".startswith(f"{self.key}/")
        return other.scheme == self.scheme and inside


def is_address(path: str | Path) -> bool:
    """Whether `path` begins as an address of a store does."""
    return ADDRESS.fullmatch(str(path)) is not None
