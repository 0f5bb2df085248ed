import errno
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from data import memory
from data.errors import InputError
from data.geometry import Fovea
from pipeline.inference import stream
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import batches, predict_stream, predict_stream_batched
from tests.builders import unsure_model

CPU = torch.device("cpu")
Photo = NDArray[np.uint8]
Flow = Callable[..., Generator[Any, None, None]]
FLOWS = pytest.mark.parametrize("flow", [predict_stream, predict_stream_batched])


@dataclass
class Fake:
    """A prediction that is the photo it was made of."""

    photo: Photo


def photo_of(item: int, height: int = 8) -> Photo:
    return np.full((height, 8, 3), item, np.uint8)


def predict(photos: list[Photo]) -> list[Fake]:
    assert len({photo.shape for photo in photos}) == 1
    return [Fake(photo) for photo in photos]


def finish(item: int, prediction: Fake) -> tuple[int, int]:
    return item, int(prediction.photo[0, 0, 0])


@FLOWS
def test_results_come_in_order_each_of_its_own_photo(flow: Flow):
    results = list(flow(range(100), photo_of, predict, finish, CPU))

    assert results == [(item, item) for item in range(100)]


@FLOWS
def test_photos_of_all_sizes_go_together(flow: Flow):
    def read(item: int) -> Photo:
        return photo_of(item, height=8 + item % 7 // 3)

    results = list(flow(range(60), read, predict, finish, CPU))

    assert results == [(item, item) for item in range(60)]


@FLOWS
@pytest.mark.parametrize("bad", [set(), {0}, {59}, {7, 8, 9}, set(range(60))])
def test_a_photo_that_cannot_be_read_stops_no_other(flow: Flow, bad: set[int]):
    def read(item: int) -> Photo:
        if item in bad:
            raise InputError(f"number {item}")
        return photo_of(item)

    results = list(flow(range(60), read, predict, finish, CPU))

    wanted = [f"number {item}" if item in bad else str((item, item)) for item in range(60)]
    assert [str(result) for result in results] == wanted


@FLOWS
def test_what_cannot_be_predicted_has_its_reason(flow: Flow):
    def refusing(photos: list[Photo]) -> list[Fake]:
        raise InputError("no refiner")

    results = list(flow(range(20), photo_of, refusing, finish, CPU))

    assert [str(result) for result in results] == ["no refiner"] * 20


@FLOWS
def test_what_cannot_be_finished_stops_no_other(flow: Flow):
    def ending(item: int, prediction: Fake) -> tuple[int, int]:
        if item == 5:
            raise InputError("no mask")
        return finish(item, prediction)

    results = list(flow(range(20), photo_of, predict, ending, CPU))

    assert [i for i, result in enumerate(results) if isinstance(result, InputError)] == [5]
    assert len(results) == 20


@FLOWS
@pytest.mark.parametrize("step", ["read", "predict", "finish"])
def test_an_error_of_the_disk_is_raised_and_ends_all_threads(flow: Flow, step: str):
    def failing(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if name == step:
                raise OSError(errno.ENOSPC, "full")
            return work(*arguments)

        return call

    before = threading.active_count()
    read, some, last = (
        failing(name, work)
        for name, work in (("read", photo_of), ("predict", predict), ("finish", finish))
    )

    with pytest.raises(OSError, match="full"):
        list(flow(range(50), read, some, last, CPU))

    assert threading.active_count() <= before


@FLOWS
@pytest.mark.parametrize("error", [OSError("broken data"), OSError(errno.ENAMETOOLONG, "long")])
def test_an_error_of_the_system_that_only_one_photo_has_is_its_own(flow: Flow, error: OSError):
    def last(item: int, prediction: Any) -> Any:
        if item == 5:
            raise error
        return finish(item, prediction)

    results = list(flow(range(9), photo_of, predict, last, CPU))

    assert [i for i, result in enumerate(results) if isinstance(result, InputError)] == [5]
    assert str(results[5]).startswith("5 cannot be processed (OSError: ")


@FLOWS
def test_no_more_is_read_than_a_few_photos_ahead(flow: Flow, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("data.threads.cpu_count", lambda: 2)
    read: list[int] = []

    def reading(item: int) -> Photo:
        read.append(item)
        return photo_of(item)

    threads = threading.active_count()
    with closing(flow(range(1000), reading, predict, finish, CPU)) as results:
        for _ in range(3):
            next(results)

    assert len(read) < 100
    assert threading.active_count() <= threads


def test_a_batch_has_photos_of_one_size_and_not_too_many(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "PHOTOS_A_BATCH", 3)
    error = InputError("unreadable")
    sizes = [8, 8, 8, 8, 9, None, 9, None, 8]
    pairs = [
        (i, error if height is None else photo_of(i, height)) for i, height in enumerate(sizes)
    ]

    found = [[item for item, _ in batch] for batch in batches(iter(pairs))]

    assert found == [[0, 1, 2], [3], [4, 5, 6], [7, 8]]


def test_large_photos_go_in_small_batches(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "PIXELS_A_BATCH", 200)
    heights = [8, 8, 8, 8, 100, 100]

    pairs = [(i, photo_of(i, height)) for i, height in enumerate(heights)]
    found = [[item for item, _ in batch] for batch in batches(iter(pairs))]

    assert found == [[0, 1, 2], [3], [4], [5]]


@pytest.mark.parametrize(("height", "at_once"), [(8, 3), (100, 1)])
def test_photos_that_do_not_fit_together_are_predicted_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch, height: int, at_once: int
):
    monkeypatch.setattr(memory, "memory_here", lambda: 2 * 3 * 8 * 8 * memory.BYTES_A_PIXEL)
    monkeypatch.setattr("data.threads.cpu_count", lambda: 3)
    together = threading.Barrier(at_once)
    guard, running, most = threading.Lock(), [0], [0]

    def counting(photos: list[Photo]) -> list[Fake]:
        with guard:
            running[0] += 1
            most[0] = max(most[0], running[0])
        together.wait(5)
        time.sleep(0.01)
        with guard:
            running[0] -= 1
        return predict(photos)

    results = predict_stream(range(6), lambda i: photo_of(i, height), counting, finish, CPU)

    assert list(results) == [(i, i) for i in range(6)]
    assert most == [at_once]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_masks_of_a_cpu():
    random = np.random.default_rng(0)
    photos = [
        cv2.resize(random.integers(0, 256, (4, 6, 3), np.uint8), size)
        for size in [(128, 96)] * 9 + [(120, 70)] * 3
    ]
    model = unsure_model(fovea=Fovea(8, 3))

    def masks(device: torch.device) -> list[Any]:
        def read(item: int) -> Photo:
            if item == 4:
                raise InputError("unreadable")
            return photos[item]

        one = Segmenter.from_model(model, device, "fp32")
        return list(
            predict_stream(range(12), read, one.predict_batch, lambda _, found: found.mask, device)
        )

    ours, theirs = masks(CPU), masks(torch.device("cuda"))

    for i, (mask, other) in enumerate(zip(ours, theirs, strict=True)):
        assert isinstance(mask, InputError) == isinstance(other, InputError) == (i == 4)
        assert i == 4 or (mask != other).mean() < 1e-3


def test_each_thread_computes_alone():
    before = torch.get_num_threads()
    seen: list[int] = []

    def counting(photos: list[Photo]) -> list[Fake]:
        seen.append(torch.get_num_threads())
        return predict(photos)

    list(predict_stream_batched(range(20), photo_of, counting, finish, CPU))

    assert set(seen) == {1}
    assert torch.get_num_threads() == before
