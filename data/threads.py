"""Work on several items at once in threads, with the results in the order of the items.

The threads end with the loop over the results. When it ends, for any reason, no further item is
started, and items that are being processed are waited for. So no thread runs native code while the
interpreter shuts down, which could abort the process.
"""

import errno
import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

from joblib import cpu_count

from data.errors import InputError

T = TypeVar("T")
Result = TypeVar("Result")

log = logging.getLogger(__name__)

DISK = frozenset(
    (
        *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE),
        *(errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE),
    )
)
"""Numbers of an `OSError` that is no fault of one item: the disk is full or broken, the folder of
the results has gone, or permission to write to it."""

AHEAD = 2
"""Items per worker that are started or finished before their result is requested. More would mainly
take memory."""


def map_threads(
    work: Callable[[T], Result],
    items: Iterable[T],
    num_workers: int | None = None,
    ahead: int = AHEAD,
) -> Generator[Result | InputError, None, None]:
    """Call `work` on several items at once and yield the results in the order of the items.

    An `InputError` is yielded instead of the result, so that the other items are still processed;
    any other exception is raised. No item is started once the loop over the results has ended;
    closing the generator waits for items that are being processed.

    Args:
        work: called in threads, with one item per call.
        items: the items to process.
        num_workers: number of items at once; by default as many as this process has cores.
        ahead: items per worker that are started or finished before their result is requested.
    """
    # Cores of this container, which may have fewer than the machine.
    num_workers = num_workers or cpu_count()
    waiting: deque[Future[Result | InputError]] = deque()
    pool = ThreadPoolExecutor(num_workers)
    try:
        for item in items:
            waiting.append(pool.submit(_attempt, work, item))
            if len(waiting) == ahead * num_workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def raise_first(
    results: Generator[Result | InputError, None, None],
) -> Generator[Result, None, None]:
    """Yield the results of `map_threads`, and raise the first error among them.

    Raises:
        InputError: the first one that `work` raised.
    """
    with closing(results):
        for result in results:
            if isinstance(result, InputError):
                raise result
            yield result


def _attempt(work: Callable[[T], Result], item: T) -> Result | InputError:
    try:
        return work(item)
    except InputError as error:
        return error.with_traceback(None)  # its frames would keep the item's data


def named(
    work: Callable[[T], Result], name_of: Callable[[T], object] = str
) -> Callable[[T], Result]:
    """Return `work` with every error of one item, but for those of the disk, as an `InputError`.

    One photo that needs too much memory, or that a library fails on, must not end a call for a
    million others. A full disk would fail all of them.

    Args:
        work: called with an item.
        name_of: returns the object whose text is the name of an item in messages.
    """

    def attempt(item: T) -> Result:
        try:
            return work(item)
        except InputError:
            raise
        except Exception as error:
            if is_of_disk(error):
                raise
            failure = unexpected(name_of(item), error)
        raise failure  # outside of the handler: its context would keep the photo in memory

    return attempt


def is_of_disk(error: Exception) -> bool:
    """Whether `error` is no fault of one item, and will come back with the next one."""
    return isinstance(error, OSError) and error.errno in DISK


def unexpected(item: object, error: Exception) -> InputError:
    """Return the error of one line for an `error` in the work on `item`, and log its traceback."""
    log.debug("%s:", item, exc_info=error)
    reason = next(iter(str(error).strip().splitlines()), "")[:200]
    text = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    return InputError(f"{item} cannot be processed ({text}); --debug shows where")
