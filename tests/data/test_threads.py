import gc
import threading
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import threads
from data.errors import InputError
from data.threads import AHEAD, map_threads, raise_first
from pipeline.inference.stream import map_photos

Mapped = Callable[..., Generator[Any, None, None]]
MAPS = pytest.mark.parametrize("mapped", [map_threads, map_photos])


class Counting:
    """Work that keeps count of what was begun and ended."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.lock = threading.Lock()
        self.begun = self.ended = self.most_at_once = 0

    def __call__(self, item: int) -> int:
        with self.lock:
            self.begun += 1
            self.most_at_once = max(self.most_at_once, self.begun - self.ended)
        time.sleep(self.seconds)
        with self.lock:
            self.ended += 1
        return item


@given(st.lists(st.integers(0, 3), max_size=20), st.integers(1, 4))
def test_results_come_in_the_order_of_the_items(items: list[int], num_workers: int):
    def work(item: int) -> int:
        time.sleep(item / 2000)
        return item + 1

    assert list(map_threads(work, items, num_workers)) == [item + 1 for item in items]


@MAPS
def test_an_input_error_stands_in_the_place_of_the_result(mapped: Mapped):
    def work(item: int) -> int:
        if item % 3 == 1:
            raise InputError(f"number {item}")
        return item

    results = list(mapped(work, range(8), 2))

    assert [str(result) for result in results] == [
        f"number {item}" if item % 3 == 1 else str(item) for item in range(8)
    ]


@MAPS
def test_another_error_is_raised_and_nothing_is_begun_after_it(mapped: Mapped):
    count = Counting(seconds=0.001)

    def work(item: int) -> int:
        if item == 5:
            raise OSError("full")
        return count(item)

    with pytest.raises(OSError, match="full"):
        list(mapped(work, range(1000), 2))

    assert count.ended == count.begun < 5 + 2 * AHEAD


@MAPS
def test_whoever_leaves_early_leaves_no_thread_at_work(mapped: Mapped):
    count = Counting(seconds=0.005)
    threads = threading.active_count()

    with closing(mapped(count, range(1000), 3)) as results:
        assert next(results) == 0

    assert count.ended == count.begun <= 3 * AHEAD
    assert threading.active_count() <= threads


def test_a_loop_that_raises_ends_the_threads():
    count = Counting(seconds=0.005)

    def leave() -> None:
        for _ in map_photos(count, range(1000), 2):
            raise InputError("enough")

    with pytest.raises(InputError, match="enough") as caught:
        leave()
    del caught  # the traceback of the error holds the loop

    assert count.ended == count.begun <= 2 * AHEAD


@pytest.mark.parametrize("num_workers", [1, 3])
def test_no_more_are_begun_than_a_few_ahead_of_the_loop(num_workers: int):
    count = Counting()

    for i, _ in enumerate(map_threads(count, range(40), num_workers)):
        time.sleep(0.001)
        assert count.begun <= i + AHEAD * num_workers

    assert count.ended == 40
    assert count.most_at_once <= num_workers


def test_by_default_there_are_as_many_workers_as_cores(monkeypatch: pytest.MonkeyPatch):
    count = Counting(seconds=0.005)
    monkeypatch.setattr(threads, "cpu_count", lambda: 3)

    list(map_threads(count, range(30)))

    assert count.most_at_once == 3


def test_an_error_that_is_kept_keeps_nothing_of_the_work():
    class Photo:
        pass

    photos: list[weakref.ref[Photo]] = []

    def failing(_: int) -> None:
        photo = Photo()
        photos.append(weakref.ref(photo))
        raise InputError("no")

    kept = list(map_threads(failing, range(3)))

    gc.collect()
    assert [str(error) for error in kept] == ["no"] * 3
    assert not any(photo() for photo in photos)


def test_the_first_error_of_work_without_errors_is_raised():
    begun = []

    def odd(item: int) -> int:
        begun.append(item)
        if item % 2:
            raise InputError(f"item {item}")
        return item

    assert list(raise_first(map_threads(odd, [0, 2, 4]))) == [0, 2, 4]
    with pytest.raises(InputError, match="item 3"):
        list(raise_first(map_threads(odd, [0, 2, 3, *range(5, 1000)], num_workers=1)))
    assert len(begun) < 20
