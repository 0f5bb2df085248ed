"""A bounded queue, a limit of time, and a loop that is never blocked."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from pipeline.inference.segmenter import Segmenter
from pipeline.serving import web_app as web_app_module
from pipeline.serving.reply import Reply
from pipeline.serving.service_limits import ServiceLimits
from tests.pipeline.serving.serving import client_of, code_of, engine_of, masks


class Gate:
    """Holds every prediction until it is opened."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.num_begun = 0


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    make = web_app_module.CALLS["/v1/masks"]

    def held(*arguments: Any) -> Reply:
        gate.num_begun += 1
        assert gate.is_open.wait(60)
        return make(*arguments)

    monkeypatch.setitem(web_app_module.CALLS, "/v1/masks", held)
    yield gate
    gate.is_open.set()


@contextmanager
def sending(client: TestClient, count: int) -> Iterator[list[Response]]:
    """Send photos at once; their answers are there when the block has ended."""
    answers: list[Response] = []
    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(masks, client) for _ in range(count)]
        yield answers
        answers += [future.result() for future in futures]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_photos_beyond_the_queue_get_503_and_when_to_come_again(gate: Gate):
    engine = engine_of(num_workers=1, num_waiting=2)
    with client_of(engine) as client:
        with sending(client, 3) as answers:
            until(lambda: engine.num_photos == 3)
            refused = masks(client)
            gate.is_open.set()
        after = masks(client)

    assert code_of(refused) == (503, "busy")
    assert refused.headers["retry-after"] == "1"
    assert [answer.status_code for answer in answers] == [200] * 3
    assert after.status_code == 200
    assert engine.num_photos == 0


def test_other_paths_answer_while_all_workers_are_busy(gate: Gate):
    engine = engine_of(num_workers=1, num_waiting=2)
    with client_of(engine) as client, sending(client, 2):
        until(lambda: engine.num_photos == 2)
        start = time.monotonic()
        health, metrics = client.get("/healthz"), client.get("/metrics")
        seconds = time.monotonic() - start
        gate.is_open.set()

    assert health.status_code == 200
    assert "foveamask_photos_in_work 2.0" in metrics.text
    assert seconds < 5


def test_a_request_that_takes_too_long_ends_and_what_has_not_begun_never_does(gate: Gate):
    engine = engine_of(num_workers=1, num_waiting=5, seconds=1)
    with client_of(engine) as client:
        with sending(client, 3) as answers:
            pass
        begun = gate.num_begun
        gate.is_open.set()
        until(lambda: engine.num_photos == 0)
        after = masks(client)

    assert [code_of(answer) for answer in answers] == [(504, "timeout")] * 3
    assert begun == 1
    assert after.status_code == 200


def test_requests_that_would_take_too_much_memory_together_wait_their_turn(gate: Gate):
    engine = engine_of(max_bytes_at_once=2000)
    with client_of(engine) as client:
        with sending(client, 1) as answers:
            until(lambda: engine.num_photos == 1)
            refused = masks(client, bytes(5000))
            gate.is_open.set()
        alone = masks(client)

    assert code_of(refused) == (503, "busy")
    assert answers[0].status_code == alone.status_code == 200


def test_a_failure_of_ours_is_logged_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    with client_of() as client:
        monkeypatch.setattr(Segmenter, "predict", lambda *_: 1 / 0)
        answer = masks(client)

    assert code_of(answer) == (500, "internal_error")
    assert "ZeroDivisionError" not in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_a_server_that_has_not_begun_is_not_ready():
    engine = engine_of()
    with client_of(engine) as client:
        assert client.get("/readyz").status_code == 200
        engine.is_ready = False
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200


def test_requests_are_counted():
    with client_of() as client:
        masks(client)
        masks(client, b"no photo")
        text = client.get("/metrics").text

    assert 'foveamask_requests_total{path="/v1/masks",status="200"} 1.0' in text
    assert 'foveamask_requests_total{path="/v1/masks",status="400"} 1.0' in text
    assert 'foveamask_request_seconds_count{path="/v1/masks"} 2.0' in text


def test_limits_are_at_least_one():
    with pytest.raises(ValueError, match="limits"):
        ServiceLimits(max_pixels=0)
