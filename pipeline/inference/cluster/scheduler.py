"""The connection to the scheduler of a Dask cluster."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data.errors import InputError, SettingsError

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

PACKAGES = ("dask", "distributed")

NO_PACKAGES = '`--cluster` needs more packages: pip install "foveamask[cluster]"'

SECONDS = 5
"""Time that a scheduler has to answer."""

LOST = "the connection to the scheduler at %s was lost; run the same command again to resume"

LOGGERS = ("distributed", "distributed.client", "tornado.application")
"""Those of Dask that print to stderr; the last one has tracebacks when a connection breaks."""

SCHEMES = ("tcp", "tls")

NO_WORKERS = "waiting for workers: %s has none yet; start some with `dask worker %s`"


@dataclass(frozen=True)
class Scheduler:
    """A scheduler, and the client that is connected to it."""

    address: str
    client: "Client"

    @property
    def is_lost(self) -> bool:
        """Whether the connection to it is lost."""
        return self.client.status != "running"

    def num_threads(self) -> int:
        """Return the number of threads of all workers, each of which does one task at a time.

        Raises:
            OSError: the scheduler does not answer.
        """
        return sum(self.client.nthreads().values())

    def wait_for_workers(self) -> None:
        """Wait until there is a worker, and say so if there is none yet.

        Raises:
            OSError: the scheduler does not answer.
        """
        if not self.num_threads():
            log.warning(NO_WORKERS, self.address, self.address)
            self.client.wait_for_workers(1)

    def lost(self) -> InputError:
        """Return the error of a lost connection."""
        return InputError(LOST % self.address)


@contextmanager
def connected(address: str) -> Iterator[Scheduler]:
    """Give the scheduler at `address` until the block ends; it goes on running.

    Dask's own messages are dropped meanwhile: what matters of them comes back as an error.

    Raises:
        SettingsError: that is no address.
        InputError: the packages are missing, or no scheduler answers there.
    """
    check_address(address)
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        if error.name not in PACKAGES:
            raise
        raise InputError(NO_PACKAGES) from error
    with _quiet():
        try:
            asyncio.run(asyncio.wait_for(_find_scheduler(address), SECONDS))
            client = Client(address, timeout=SECONDS, set_as_default=False, name="foveamask")
        except (OSError, ValueError, LookupError, TypeError, MemoryError) as error:
            # What answers is something else, whose bytes may be read as the size of a message.
            raise InputError(
                f"no Dask scheduler answers at {address} within {SECONDS} seconds; start one with "
                "`dask scheduler`, which says its address"
            ) from error
        try:
            yield Scheduler(address, client)
        finally:
            with suppress(OSError):  # such as that the scheduler has gone
                client.close(timeout=SECONDS)


def check_address(address: str) -> None:
    """Raise unless `address` may be that of a scheduler, such as tcp://10.0.0.1:8786.

    Raises:
        SettingsError: it may not.
    """
    scheme, separator, place = address.rpartition("://")
    host, colon, port = place.rpartition(":")
    is_port = colon and port.isascii() and port.isdecimal() and 0 < int(port) < 2**16
    if (separator and scheme not in SCHEMES) or not host or not is_port:
        raise SettingsError(
            f"--cluster takes the address of a scheduler, such as tcp://10.0.0.1:8786, not "
            f"{address!r}"
        )


async def _find_scheduler(address: str) -> None:
    """Raise unless a scheduler is at `address`; a `Client` would wait for an answer for ever.

    Raises:
        OSError: nothing answers.
        LookupError: something else does, such as a worker.
    """
    from distributed.comm.core import connect

    comm = await connect(address, timeout=SECONDS)
    try:
        await comm.write({"op": "identity", "reply": True})
        if (await comm.read())["type"] != "Scheduler":
            raise LookupError(address)
    finally:
        comm.abort()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask from logging."""
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
