import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import cv2
import pytest
import torch

from pipeline.inference.cpu_setup import in_one_thread, keep_freed_memory, opencv_in_one_thread
from pipeline.inference.stream import map_photos


def threads_here(_: object = None) -> tuple[int, int]:
    """How many threads torch and OpenCV take, as the thread that calls this sees it."""
    return torch.get_num_threads(), cv2.getNumThreads()


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = threads_here()
    torch.set_num_threads(2)
    cv2.setNumThreads(2)
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


def in_new_thread(work: Callable[[], object]) -> object:
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    thread.join()
    return results[0]


def test_each_photo_is_computed_in_one_thread_and_nothing_else_changes():
    within = list(map_photos(threads_here, range(4), 2))

    assert within == [(1, 1)] * 4
    assert threads_here() == (2, 2)
    assert in_new_thread(threads_here) == (2, 2)


def test_while_photos_are_worked_on_torch_keeps_its_threads_elsewhere():
    with closing(map_photos(threads_here, range(4), 2)) as results:
        assert next(results) == (1, 1)

        assert torch.get_num_threads() == 2
        assert in_new_thread(torch.get_num_threads) == 2


@pytest.mark.parametrize("first_to_end", [0, 1])
def test_two_predictions_at_once_leave_nothing_changed(first_to_end: int):
    """Overlapping, not nested: whoever came first may be the first to go."""
    both = [map_photos(threads_here, range(9), 2) for _ in range(2)]
    assert [next(results) for results in both] == [(1, 1)] * 2

    both.pop(first_to_end).close()
    assert list(both[0])[-1] == (1, 1)

    assert threads_here() == (2, 2)
    assert in_new_thread(threads_here) == (2, 2)


def test_two_predictions_in_threads_of_their_own_leave_nothing_changed():
    inside, go_on = threading.Barrier(2), threading.Barrier(2)
    seen: list[object] = []

    def one() -> None:
        with closing(map_photos(threads_here, range(9), 2)) as results:
            inside.wait(timeout=20)
            seen.append(next(results))
            go_on.wait(timeout=20)
            seen.extend(results)
        seen.append(torch.get_num_threads())

    callers = [threading.Thread(target=one) for _ in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert sorted(map(str, seen)) == sorted(["(1, 1)"] * 18 + ["2"] * 2)
    assert threads_here() == (2, 2)


def test_opencv_gets_back_what_it_had_when_the_work_fails():
    def fail() -> None:
        with opencv_in_one_thread(), opencv_in_one_thread():
            within.append(cv2.getNumThreads())
            raise OSError("full")

    within: list[int] = []
    with pytest.raises(OSError, match="full"):
        fail()

    assert within == [1]
    assert cv2.getNumThreads() == 2


def test_torch_computes_in_one_thread_where_it_is_asked_to_and_nowhere_else():
    counting = in_one_thread(threads_here)

    assert in_new_thread(lambda: [counting(None), counting(None)]) == [(1, 2), (1, 2)]
    assert threads_here() == (2, 2)


@pytest.mark.parametrize(
    ("most", "wanted"),
    [
        pytest.param(2**40, [(-3, 2**30), (-1, 2**30)], id="glibc"),
        pytest.param(2**25, [(-3, 2**30), (-3, 2**25), (-1, 2**30)], id="older glibc"),
        pytest.param(0, [(-3, 2**30), (-3, 2**25)], id="one that takes neither"),
        pytest.param(None, [], id="another library"),
    ],
)
def test_memory_is_kept_where_the_c_library_can(
    most: int | None, wanted: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
):
    calls: list[tuple[int, int]] = []

    class Library:
        if most is not None:

            def mallopt(self, option: int, value: int) -> int:
                calls.append((option, value))
                return int(option == -1 or value <= most)

    monkeypatch.setattr("ctypes.CDLL", lambda name: Library())
    keep_freed_memory.cache_clear()

    keep_freed_memory()
    keep_freed_memory()

    assert calls == wanted
