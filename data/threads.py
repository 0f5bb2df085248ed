"""Work on several items at once in threads, with the results in the order of the items.

The threads belong to the loop over the results: when it ends, however it does, nothing new is
begun, and what is being worked on is waited for. No thread computes on in native code while the
interpreter shuts down, which can abort the process.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

from joblib import cpu_count

from data.errors import InputError

T = TypeVar("T")
Result = TypeVar("Result")

AHEAD = 2
"""Items per worker that are begun or finished before their result is asked for; more mostly takes
memory."""


def map_threads(
    work: Callable[[T], Result],
    items: Iterable[T],
    num_workers: int | None = None,
    ahead: int = AHEAD,
) -> Generator[Result | InputError, None, None]:
    """Call `work` on several items at once and give the results in the order of the items.

    An `InputError` is given instead of the result, so that the other items are still worked on;
    any other exception is raised. No item is begun once the loop over the results has ended;
    closing the generator waits for those that are being worked on.

    Args:
        work: called in threads, one item a call.
        items: what to work on.
        num_workers: how many items at once; by default as many as this process has cores.
        ahead: items per worker that are begun or finished before their result is asked for.
    """
    num_workers = (
        num_workers or cpu_count()
    )  # of this container, which may have fewer than the machine
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
    """Give the results of `map_threads`, and raise the first error among them.

    Raises:
        InputError: work on an item ended in it.
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
        return error.with_traceback(None)  # whose frames would keep what was being worked on
