"""A local S3 server that can be told to fail, and to count what it is asked for."""

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

ERRORS = {
    "slow down": ("503 Service Unavailable", "SlowDown"),
    "broken": ("500 Internal Server Error", "InternalError"),
    "wrong key": ("403 Forbidden", "InvalidAccessKeyId"),
}
"""Failures that are answers, with their status and their code."""

SILENCE = 3.0
"""Seconds without an answer."""

Start = Callable[..., Any]


@dataclass
class Fault:
    """A failure of requests, of which the first `times` fail."""

    kind: str
    """One of `ERRORS`; or silent, cut in the middle of the content, slow in giving it."""
    pattern: str
    """Of the method and the path, such as GET /bucket/a.jpg."""
    times: int = 1


@dataclass
class S3Server:
    """moto's server, with failures between it and its clients."""

    app: Callable[[dict[str, Any], Start], Iterable[bytes]]
    url: str = ""
    latency: float = 0.0
    """Seconds that each request waits."""
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """Methods and paths of all requests."""
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _files: Any = None

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        fault = self._fault_of(request)
        time.sleep(self.latency)
        if fault in ERRORS:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            status, code = ERRORS[fault]
            start(status, [("Content-Type", "application/xml")])
            return [f"<Error><Code>{code}</Code><Message>as told</Message></Error>".encode()]
        if fault == "silent":
            time.sleep(SILENCE)
        answer = self.app(environ, start)
        if fault == "cut":
            body = b"".join(answer)
            return [body[: len(body) // 2]]
        if fault == "slow":
            return _slowly(b"".join(answer))
        return answer

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which clients find it."""
        keys = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "test")
        return keys | {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": self.url}

    def reset(self) -> None:
        """Forget failures and requests."""
        self.faults, self.requests, self.latency = [], [], 0.0

    def bucket(self) -> str:
        """Return the name of a new bucket."""
        name = f"bucket-{uuid4().hex[:12]}"
        self.files().mkdir(name)
        return name

    def bucket_of(self, folder: Path, place: str) -> str:
        """Return the name of a new bucket, with the files of a folder in its folder `place`."""
        name = self.bucket()
        for path in folder.rglob("*.*"):
            self.files().pipe_file(f"{name}/{place}/{path.relative_to(folder)}", path.read_bytes())
        self.reset()
        return name

    def files(self) -> Any:
        """Return its objects, read by other code than ours."""
        if self._files is None:
            self._files = fsspec.filesystem("s3", use_listings_cache=False)
        return self._files

    def content(self, place: str) -> dict[str, bytes]:
        """Return the objects of a bucket or folder, by what follows it."""
        files = self.files()
        return {key[len(place) + 1 :]: files.cat_file(key) for key in files.find(place)}

    def count(self, pattern: str) -> int:
        """Return how many requests match a pattern."""
        return sum(re.search(pattern, request) is not None for request in self.requests)

    @contextmanager
    def failing(self, kind: str, pattern: str, times: int = 1) -> Iterator[Fault]:
        """Let requests fail until the block ends."""
        fault = Fault(kind, pattern, times)
        self.faults.append(fault)
        try:
            yield fault
        finally:
            self.faults.remove(fault)

    def _fault_of(self, request: str) -> str:
        with self._guard:
            self.requests.append(request)
            for fault in self.faults:
                if fault.times and re.search(fault.pattern, request):
                    fault.times -= 1
                    return fault.kind
        return ""


class Quiet(WSGIRequestHandler):
    """Logs nothing."""

    def log(self, *_: Any) -> None:
        """Log nothing."""


@contextmanager
def running() -> Iterator[S3Server]:
    """Run a server until the block ends."""
    server = S3Server(DomainDispatcherApplication(create_backend_app))
    http = make_server("127.0.0.1", 0, server, threaded=True, request_handler=Quiet)
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def _slowly(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), max(1, len(body) // 5)):
        time.sleep(0.1)
        yield body[start : start + max(1, len(body) // 5)]
