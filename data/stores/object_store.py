"""Whole objects of a store, read and written by fsspec; failures are retried, errors name them.

fsspec and its implementations are called with single attempts, so that how often and how long is
tried is decided here alone.
"""

import errno
import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from data.errors import InputError
from data.stores.address import PACKAGES, Address

T = TypeVar("T")

log = logging.getLogger(__name__)

PAUSES = (0.2, 0.6, 1.8, 5.4)
"""Seconds between the attempts, each up to half as long again."""

SECONDS_OF_SILENCE = 15
"""Seconds after which an attempt has failed if nothing comes."""

CONNECTIONS = 64

FINAL = ("NoCredentialsError", "PartialCredentialsError", "NoAuthTokenError", "ProfileNotFound")
"""Names of errors that a second attempt does not mend, besides those of `is_final`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a list of objects says of one."""

    size: int
    """In bytes."""
    etag: str = ""
    """Changes whenever the object does; empty if the store has none."""


class ShortError(OSError):
    """Fewer or more bytes came than the list of objects says."""


class ObjectStore:
    """The objects of one kind of store."""

    def __init__(self, files: Any) -> None:
        self.files = files

    @classmethod
    def of(cls, address: Address) -> Self:
        """Return the store of an address, with the credentials of the environment.

        Raises:
            InputError: what reads it is not installed, or cannot be set up.
        """
        import fsspec

        options: dict[str, Any] = {}
        if address.scheme != "memory":
            options = {"use_listings_cache": False}
        if address.scheme == "s3":
            options["max_concurrency"] = 1  # or each object would be asked for its size first
            options["config_kwargs"] = {
                "retries": {"total_max_attempts": 1},
                "connect_timeout": SECONDS_OF_SILENCE,
                "read_timeout": SECONDS_OF_SILENCE,
                "max_pool_connections": CONNECTIONS,
            }
        try:
            files = fsspec.filesystem(address.scheme, **options)
        except ImportError as error:
            package = PACKAGES[address.scheme]
            raise InputError(
                f"{address} needs a package that is missing ({error}): `pip install '{package}'`"
            ) from error
        except Exception as error:
            raise InputError(f"{address} cannot be reached: {_reason(error)}") from error
        with suppress(AttributeError):
            files.retries = 1
        return cls(files)

    def found(self, address: Address) -> dict[str, Entry]:
        """Return the objects below an address, by their keys after it and a slash.

        If there is an object at the address itself, it is the only one, and called "".

        Raises:
            InputError: they cannot be listed, or there is no such bucket.
        """

        def find() -> dict[str, Entry]:
            infos = self.files.find(address.key, detail=True)
            if not infos and address.scheme != "memory":
                self.files.info(address.bucket)  # tells an empty folder from no bucket
            found = {key.lstrip("/"): _entry(info) for key, info in infos.items()}
            start = len(address.key) + 1
            return {
                key[start:]: entry
                for key, entry in found.items()
                if f"{key}/".startswith(f"{address.key}/")
            }

        try:
            return _tried(find, str(address))
        except FileNotFoundError as error:
            raise InputError(f"{address}: there is no bucket {address.bucket}") from error
        except Exception as error:
            raise InputError(f"{address} cannot be listed: {_reason(error)}") from error

    def read(self, address: Address, size: int) -> bytes:
        """Return the content of an object.

        Args:
            address: the object.
            size: bytes that it should have; others are not believed.

        Raises:
            InputError: it cannot be read, or has another size.
        """

        def read() -> bytes:
            data: bytes = self.files.cat_file(address.key)
            if len(data) != size:
                raise ShortError(
                    f"{len(data)} of {size} bytes came; if it was replaced, start again"
                )
            return data

        try:
            return _tried(read, str(address))
        except FileNotFoundError as error:
            raise InputError(f"{address} cannot be read: it is gone") from error
        except Exception as error:
            raise InputError(f"{address} cannot be read: {_reason(error)}") from error

    def write(self, address: Address, data: bytes, *, is_new: bool = False) -> None:
        """Write an object, completely or not at all.

        Args:
            address: the object.
            data: its content.
            is_new: whether nothing is written if there is such an object already.

        Raises:
            FileExistsError: there is one, and it is not to be replaced.
            OSError: it cannot be written; it names the object.
        """
        mode = "create" if is_new else "overwrite"
        _done(lambda: self.files.pipe_file(address.key, data, mode=mode), address, "written")

    def remove(self, address: Address) -> None:
        """Remove an object, which may be gone already.

        Raises:
            OSError: it cannot be removed; it names the object.
        """
        with suppress(FileNotFoundError):
            _done(lambda: self.files.rm_file(address.key), address, "removed")


def _done(work: Callable[[], Any], address: Address, what: str) -> None:
    try:
        _tried(work, str(address))
    except (FileExistsError, FileNotFoundError) as error:
        if what == "written" and isinstance(error, FileNotFoundError):
            raise OSError(
                errno.EIO, f"there is no bucket {address.bucket}", str(address)
            ) from error
        raise
    except Exception as error:
        reason = f"cannot be {what}: {_reason(error)}"
        raise OSError(errno.EIO, reason, str(address)) from error


def _tried(work: Callable[[], T], name: str) -> T:
    """Return what `work` returns, after some attempts if it fails."""
    for pause in PAUSES:
        try:
            return work()
        except Exception as error:
            if is_final(error):
                raise
            log.debug("%s: %s, tried again", name, _reason(error))
        time.sleep(pause * random.uniform(1, 1.5))
    return work()


def is_final(error: Exception) -> bool:
    """Whether another attempt would fail as well."""
    final = (FileNotFoundError, PermissionError, FileExistsError, NotImplementedError, TypeError)
    return isinstance(error, final) or type(error).__name__ in FINAL


def _entry(info: dict[str, Any]) -> Entry:
    etag = info.get("ETag") or info.get("etag") or ""
    return Entry(int(info.get("size") or 0), str(etag).strip('"'))


def _reason(error: BaseException) -> str:
    """Return what an error says, in one line."""
    if isinstance(error, PermissionError):
        return f"access is denied ({_line(error)}); are the credentials right?"
    if type(error).__name__ in FINAL:
        return f"no credentials are found ({_line(error)})"
    if isinstance(error, ShortError):
        return _line(error)
    text = _line(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _line(error: BaseException) -> str:
    """Return what an error says, or the one that it was made of, which says more."""
    return " ".join(str(error.__cause__ or error).split())[:200]
