"""Shares of work to the workers of a cluster, and their results back.

A bounded number of shares is given to the scheduler at a time: neither its memory nor that of this
process grows with the number of photos. Dask's own client does it, and not its backend in joblib,
which waits for ever for a share whose workers have died several times (docs/explanation/decisions).
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from data.errors import InputError
from pipeline.inference.cluster.scheduler import Scheduler

if TYPE_CHECKING:
    from distributed import Future

S = TypeVar("S")
Result = TypeVar("Result")

AHEAD = 2
"""Shares per thread of the workers that are given to the scheduler: one that is worked on, and one
that waits. The scheduler hands a waiting share out as soon as a thread is free."""

LEAST = 8
"""Shares that are given to it at least, for workers that come later."""

SECONDS = 5
"""Time between two looks at how many workers there are."""


@dataclass(frozen=True)
class Lost:
    """In place of a result: the workers that had the share died, as often as Dask tries it."""


class Window:
    """How many shares may be with the scheduler, as workers come and go."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._looked = -float(SECONDS)
        self._size = LEAST

    def size(self) -> int:
        """Return the number now; it is found out every few seconds.

        Raises:
            OSError: the scheduler does not answer.
        """
        now = time.monotonic()
        if now - self._looked >= SECONDS:
            self._size = max(LEAST, AHEAD * self._scheduler.num_threads())
            self._looked = now
        return self._size


def map_shares(
    scheduler: Scheduler, work: Callable[[S], Result], shares: Iterator[S], label: str
) -> Generator[tuple[S, Result | Lost], None, None]:
    """Call `work` on workers with each of `shares`; yield results as they come.

    A share whose worker dies is done again by another one. Closing the generator gives up the
    shares that are with the scheduler.

    Args:
        scheduler: that hands them out.
        work: a function of a module that workers can import.
        shares: asked for the next one whenever there is room, also after it once had none.
        label: begins the keys of the tasks; no other call may have it.

    Raises:
        InputError: the connection is lost, workers lack our packages, or `work` raised it.
        OSError: `work` raised it.
    """
    from distributed import as_completed

    client, number = scheduler.client, 0
    window, pending = Window(scheduler), dict["Future[Any]", S]()
    done = as_completed(loop=client.loop, with_results=True, raise_errors=False)

    def give() -> None:
        nonlocal number
        while len(pending) < window.size():
            try:
                share = next(shares)
            except StopIteration:
                return
            future = client.submit(work, share, key=f"{label}-{number}")
            pending[future] = share
            done.add(future)
            number += 1

    try:
        give()
        while pending:
            future, result = next(done)
            share = pending.pop(future)
            yield share, _result(future, result, scheduler)
            del future, result  # or the worker would keep the result
            give()
    except Exception as error:
        if scheduler.is_lost and not isinstance(error, InputError):
            raise scheduler.lost() from error
        raise
    finally:
        if not scheduler.is_lost:
            with suppress(OSError):
                client.cancel(list(pending), force=True)


def _result(future: "Future[Any]", result: Any, scheduler: Scheduler) -> Any:
    """Return the result of a task that has ended, or raise its error.

    Raises:
        InputError: it failed; the message says why in one line.
        OSError: it raised that.
    """
    from distributed import KilledWorker

    if future.status == "finished":
        return result
    if future.status != "error":
        raise scheduler.lost()
    error = result[1]
    if isinstance(error, KilledWorker):
        return Lost()
    if isinstance(error, InputError | OSError):
        raise error
    if isinstance(error, ImportError):
        raise InputError(
            f"a worker of the cluster lacks packages ({error}); install the same version of "
            "foveamask there as here"
        ) from error
    reason = next(iter(str(error).strip().splitlines()), "")[:200]
    raise InputError(f"a worker of the cluster failed: {type(error).__name__}: {reason}") from error
